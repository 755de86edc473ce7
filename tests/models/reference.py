"""The network once more, slowly and by itself: the table of the authors' definition as plain functions in float64.

Contract: takes the weights by name and nothing else from `mer`; BN and pooling are written out, maps come from the
concatenation [s, h1, h2] of the definition whatever the form.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


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
        logit = F.conv2d(z, state[f"{name}.project.weight"].reshape(1, 3 * channels, 1, 1))
    return 1 / (1 + torch.exp(-logit))


def network(
    state: State, x: Tensor, *, release: str, counts: tuple[int, int, int, int] = (1, 1, 1, 1), training: bool = False
) -> tuple[Tensor, list[Tensor]]:
    """Logits and the map of each attended stage's last block."""
    maps = {}
    x = batch_norm(x, state, "data_bn", training)
    x = F.conv2d(x, state["conv1.weight"], state["conv1.bias"], stride=2, padding=3)
    x = max_pool(F.relu(batch_norm(x, state, "bn1", training)))
    for stage, count in enumerate(counts, 1):
        for index in range(count):
            name = f"layer{stage}.{index}"
            stride = 2 if stage > 1 and index == 0 else 1
            p = x if (stage, index) == (1, 0) else F.relu(batch_norm(x, state, f"{name}.bn1", training))
            h1 = F.conv2d(p, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            h1 = F.relu(batch_norm(h1, state, f"{name}.bn2", training))
            h2 = F.conv2d(h1, state[f"{name}.conv2.weight"], padding=1)
            s = F.conv2d(p, state[f"{name}.shortcut.weight"], stride=2) if stride == 2 else x
            r = s + h2
            if release == "megc2019" and (stage, index) == (4, count - 1):
                r = F.relu(batch_norm(r, state, "last_bn", training))
            if any(key.startswith(f"{name}.attention.") for key in state):
                maps[stage] = attention_map(s, h1, h2, state, f"{name}.attention")
                r = r + maps[stage] * r
            x = r
    if release == "megc2019":
        f = x.mean(dim=(2, 3))
        f = f / torch.sqrt((f**2).sum(dim=1, keepdim=True))
    else:
        f = F.relu(batch_norm(x, state, "last_bn", training)).mean(dim=(2, 3))
    return f @ state["fc.weight"].T + state["fc.bias"], [maps[stage] for stage in sorted(maps)]
