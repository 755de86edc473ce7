"""Compute dense flow with total variation and an L1 data term (TV-L1), the usual flow of the field, batched in torch.

Contract: `tvl1` is a pure function, on the device and in the precision of the frames; no gradients.
Sources: Zach, Pock, Bischof, A duality based approach for realtime TV-L1 optical flow, DAGM 2007; step sizes and the
pyramid of Sanchez Perez, Meinhardt-Llopis, Facciolo, IPOL 2013 (doi 10.5201/ipol.2013.26); the median between warps of
Wedel et al., An improved algorithm for TV-L1 optical flow, 2009. Written from the papers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Parameters:
    """Store the parameters recommended by IPOL 2013 for grey levels 0..255.

    The number of iterations is fixed, so that a frame pair gives the same flow in any batch.
    """

    #: Weight of the data term: smaller = smoother flow.
    data: float = 0.15
    #: Coupling of the smooth field and the field that fits the data: smaller = closer.
    theta: float = 0.3
    #: Step of the dual variables; converges up to 0.25.
    step: float = 0.25
    warps: int = 5
    iterations: int = 30
    #: Smallest side of a pyramid level, pixels.
    coarsest: int = 16


@torch.inference_mode()
def tvl1(onset: Tensor, apex: Tensor, how: Parameters | None = None) -> Tensor:
    """Return the flow (B, 2, H, W), u to the right and v downwards in pixels, of grey frames (B, H, W), levels 0..255.

    apex(x + u, y + v) = onset(x, y). Frames are float32 or float64. Pixels that leave the picture are not fitted.
    """
    how = how or Parameters()
    levels = [(onset[:, None], apex[:, None])]
    while min(levels[-1][0].shape[2:]) >= 2 * how.coarsest:
        levels.append((_half(levels[-1][0]), _half(levels[-1][1])))
    flow = torch.zeros_like(levels[-1][0]).repeat(1, 2, 1, 1)
    for first, second in reversed(levels):
        flow = _grown(flow, first.shape[2], first.shape[3])
        flow = _level(first, second, flow, how)
    return flow


def _level(first: Tensor, second: Tensor, flow: Tensor, how: Parameters) -> Tensor:
    """Return the flow of one pyramid level, refined from the flow of the coarser level."""
    grid = _grid(first)
    smooth = _gaussian(first, 0.8), _gaussian(second, 0.8)
    slope = torch.cat(_central(smooth[1]), dim=1)
    dual = torch.zeros_like(torch.cat([flow, flow], dim=1))  # of u along x, y, then of v along x, y
    ratio, reach = how.step / how.theta, how.data * how.theta
    for _ in range(how.warps):
        place = grid + flow
        inside = _inside(place, first)
        warped = _at(smooth[1], place)
        gradient = _at(slope, place) * inside
        fixed = (warped - smooth[0]) * inside - (gradient * flow).sum(1, keepdim=True)
        square = gradient.square().sum(1, keepdim=True)
        for _ in range(how.iterations):
            residual = fixed + (gradient * flow).sum(1, keepdim=True)
            # the exact minimum of reach |residual| + |change|^2 / 2 along the gradient
            share = (-residual / square.clamp(min=1e-9)).clamp(-reach, reach) * (square > 1e-9)
            flow = flow + share * gradient + how.theta * _divergence(dual)
            change = _forward(flow)
            size = torch.cat([_norm(change[:, :2]), _norm(change[:, 2:])], dim=1).repeat_interleave(2, dim=1)
            dual = (dual + ratio * change) / (1 + ratio * size)
        flow = _median(flow)
    return flow


def _norm(pair: Tensor) -> Tensor:
    return pair.square().sum(1, keepdim=True).sqrt()


def _forward(flow: Tensor) -> Tensor:
    """Return forward differences (B, 4, H, W) of (B, 2, H, W) along x and y, u first, 0 at the far border."""
    right = F.pad(flow[..., 1:] - flow[..., :-1], (0, 1))
    down = F.pad(flow[..., 1:, :] - flow[..., :-1, :], (0, 0, 0, 1))
    return torch.stack([right, down], dim=2).flatten(1, 2)


def _divergence(dual: Tensor) -> Tensor:
    """Return the divergence (B, 2, H, W) of (B, 4, H, W), the negative adjoint of `_forward`."""
    x, y = dual[:, 0::2], dual[:, 1::2]
    x, y = F.pad(x[..., :-1], (1, 1)), F.pad(y[..., :-1, :], (0, 0, 1, 1))
    return x[..., 1:] - x[..., :-1] + y[..., 1:, :] - y[..., :-1, :]


def _central(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences along x and y, with repeated border."""
    wide = F.pad(image, (1, 1, 1, 1), mode="replicate")
    return (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2, (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2


def _gaussian(image: Tensor, sigma: float) -> Tensor:
    """Return the image (B, 1, H, W) smoothed, with repeated border."""
    reach = max(1, math.ceil(3 * sigma))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device) / sigma) ** 2)
    weights = weights / weights.sum()
    wide = F.pad(image, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(wide, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))


def _half(image: Tensor) -> Tensor:
    """Return the image at half the side, smoothed as in IPOL 2013 for a factor of two."""
    height, width = image.shape[2] // 2, image.shape[3] // 2
    smooth = _gaussian(image, 0.6 * math.sqrt(3))
    return F.interpolate(smooth, (height, width), mode="bicubic", align_corners=False)


def _grown(flow: Tensor, height: int, width: int) -> Tensor:
    """Return the flow on a larger grid, in pixels of that grid."""
    scale = torch.tensor([width / flow.shape[3], height / flow.shape[2]], dtype=flow.dtype, device=flow.device)
    return F.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * scale.view(1, 2, 1, 1)


def _grid(image: Tensor) -> Tensor:
    """Return pixel coordinates x, y as (1, 2, H, W)."""
    sides = (torch.arange(side, dtype=image.dtype, device=image.device) for side in image.shape[2:])
    y, x = torch.meshgrid(*sides, indexing="ij")
    return torch.stack([x, y])[None]


def _at(image: Tensor, place: Tensor) -> Tensor:
    """Return bicubic values (B, C, H, W) of an image at pixel coordinates (B, 2, H, W)."""
    size = torch.tensor([image.shape[3] - 1, image.shape[2] - 1], dtype=image.dtype, device=image.device)
    unit = place.permute(0, 2, 3, 1) * (2 / size) - 1
    return F.grid_sample(image, unit, mode="bicubic", padding_mode="border", align_corners=True)


def _inside(place: Tensor, image: Tensor) -> Tensor:
    """Return 1 where the pixel coordinates lie in the image, else 0, as (B, 1, H, W)."""
    x, y = place[:, :1], place[:, 1:]
    return ((x >= 0) & (x <= image.shape[3] - 1) & (y >= 0) & (y <= image.shape[2] - 1)).to(image.dtype)


def _median(flow: Tensor) -> Tensor:
    """Return the median over 3 x 3 pixels, with repeated border."""
    wide = F.pad(flow, (1, 1, 1, 1), mode="replicate")
    return wide.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4).median(dim=4).values
