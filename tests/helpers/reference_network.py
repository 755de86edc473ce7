"""The network once more, slowly and by itself: the table of the authors' definition as plain functions in float64.

Contract: takes the weights by name and nothing else from `mer`; BN and pooling are written out, maps come from the
concatenation [s, h1, h2] of the definition whatever the form. What the definition has not (small stem, grid,
bottlenecks) is written from its own source in the same way.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def grid(x: Tensor) -> Tensor:
    """Means over 4 x 4 cells, each from the rounded-down start to the rounded-up end; channels first, then rows."""

    def span(i: int, side: int) -> slice:
        return slice(i * side // 4, -(-(i + 1) * side // 4))

    height, width = x.shape[2:]
    cells = [x[:, :, span(i, height), span(j, width)].mean(dim=(2, 3)) for i in range(4) for j in range(4)]
    return torch.stack(cells, dim=2).flatten(1)


def batch_norm(x: Tensor, state: State, name: str, training: bool) -> Tensor:
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
    column = (1, -1, 1, 1)
    normal = (x - mean.view(column)) / torch.sqrt(variance.view(column) + 1e-5)
    return normal * state[f"{name}.weight"].view(column) + state[f"{name}.bias"].view(column)


def max_pool(x: Tensor) -> Tensor:
    """3x3 windows at stride 2, without padding; one over the far edge counts what lies inside (ceil mode)."""

    def starts(side: int) -> range:
        return range(0, 2 * (-(-(side - 3) // 2)) + 1, 2)

    rows = [
        torch.stack([x[:, :, i : i + 3, j : j + 3].amax(dim=(2, 3)) for j in starts(x.shape[3])], dim=-1)
        for i in starts(x.shape[2])
    ]
    return torch.stack(rows, dim=-2)


def attention_map(s: Tensor, h1: Tensor, h2: Tensor, state: State, name: str) -> Tensor:
    z = torch.cat([s, h1, h2], dim=1)
    channels = s.shape[1]
    if f"{name}.project.conv.weight" in state:
        mean = torch.full((1, channels, 1, 1), 1 / channels, dtype=z.dtype)
        logit = F.conv2d(F.conv2d(z, state[f"{name}.project.conv.weight"]), mean)
    else:
        logit = F.conv2d(z, state[f"{name}.project.weight"].reshape(1, -1, 1, 1))
    return 1 / (1 + torch.exp(-logit))


def network(
    state: State,
    x: Tensor,
    *,
    release: str,
    counts: tuple[int, int, int, int] = (1, 1, 1, 1),
    training: bool = False,
    stem: str = "imagenet",
    head: str = "pool",
) -> tuple[Tensor, list[Tensor]]:
    """Logits and the map of each attended stage's last block; bottlenecks are seen by their tensors."""
    maps = {}

    def active(x: Tensor, name: str) -> Tensor:
        return F.relu(batch_norm(x, state, name, training))

    x = batch_norm(x, state, "data_bn", training)
    if stem == "small":
        x = active(F.conv2d(x, state["conv1.weight"], state["conv1.bias"], padding=1), "bn1")
    else:
        x = max_pool(active(F.conv2d(x, state["conv1.weight"], state["conv1.bias"], stride=2, padding=3), "bn1"))
    for stage, count in enumerate(counts, 1):
        for index in range(count):
            name = f"layer{stage}.{index}"
            stride = 2 if stage > 1 and index == 0 else 1
            p = x if (stage, index) == (1, 0) else active(x, f"{name}.bn1")
            if f"{name}.conv3.weight" in state:
                inner = active(F.conv2d(p, state[f"{name}.conv1.weight"]), f"{name}.bn2")
                h1 = active(F.conv2d(inner, state[f"{name}.conv2.weight"], stride=stride, padding=1), f"{name}.bn3")
                h2 = F.conv2d(h1, state[f"{name}.conv3.weight"])
            else:
                h1 = active(F.conv2d(p, state[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn2")
                h2 = F.conv2d(h1, state[f"{name}.conv2.weight"], padding=1)
            s = F.conv2d(p, state[f"{name}.shortcut.weight"], stride=stride) if p.shape != h2.shape else x
            r = s + h2
            if release == "megc2019" and (stage, index) == (4, count - 1):
                r = active(r, "last_bn")
            if any(key.startswith(f"{name}.attention.") for key in state):
                maps[stage] = attention_map(s, h1, h2, state, f"{name}.attention")
                r = r + maps[stage] * r
            x = r
    if release != "megc2019":
        x = active(x, "last_bn")
    f = grid(x) if head == "grid" else x.mean(dim=(2, 3))
    if release == "megc2019":
        f = f / torch.sqrt((f**2).sum(dim=1, keepdim=True))
    return f @ state["fc.weight"].T + state["fc.bias"], [maps[stage] for stage in sorted(maps)]
