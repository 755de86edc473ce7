"""Convert the first layer of a network from colour to grey images with `to_grey_input`.

Contract: works on a state dict with this package's names and changes only `data_bn` and `conv1`.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Epsilon of every BN layer in the authors' definitions and in torch.
BN_EPS = 1e-5


def to_grey_input(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return the state for one grey channel g of a network with several channels, and a sentence on its exactness.

    With g in every channel, `data_bn` computes A_c g + B_c, and conv1 the sum over channels of W_c * (A_c g + B_c). The
    new `data_bn` computes a g + b, the new kernel is K = sum_c W_c A_c / a (the plain sum if all A_c are equal), and
    the remaining constant of the B_c is added to conv1's bias. This is exact where conv1's window lies inside the
    image, so everywhere except in the two outermost rows and columns of its output. There the padding is 0 after
    `data_bn`, so the constant of the taps outside the image should be missing. b makes this error as small as one
    channel can (least squares); it is 0 if `data_bn` is equal for all channels. In training `data_bn` follows the
    statistics of the grey images.
    """
    exact = {name: tensor.double() for name, tensor in state.items() if name.startswith(("data_bn.", "conv1."))}
    mean, variance = exact["data_bn.running_mean"], exact["data_bn.running_var"]
    deviation = torch.sqrt(variance + BN_EPS)
    scale = exact["data_bn.weight"] / deviation
    shift = exact["data_bn.bias"] - scale * mean
    kernels = exact["conv1.weight"]
    a = scale.square().mean().sqrt().copysign(scale.sum())
    kernel = torch.einsum("oc...,c->o...", kernels, scale / a if a else torch.ones_like(scale))
    constant = torch.einsum("oc...,c->o...", kernels, shift)
    b = (kernel * constant).sum() / kernel.square().sum() if kernel.any() else shift.mean()
    left = constant - b * kernel
    grey_mean, grey_variance = mean.mean(), variance.mean()
    new: dict[str, Tensor] = {
        "data_bn.running_mean": grey_mean,
        "data_bn.running_var": grey_variance,
        "data_bn.weight": a * torch.sqrt(grey_variance + BN_EPS),
        "data_bn.bias": b + a * grey_mean,
        "conv1.weight": kernel[:, None],
        "conv1.bias": exact["conv1.bias"] + left.sum(dim=(1, 2)),
    }
    share = (left.norm() / constant.norm()).item() if constant.any() else 0.0
    note = (
        f"first layer summed over {len(mean)} channels: equal to the original on grey pictures but for the outermost "
        f"two rows and columns of conv1's output (there {share:.1%} of data_bn's constant part cannot be kept)"
    )
    return {**state, **{name: value.float().reshape(value.shape or (1,)) for name, value in new.items()}}, note
