"""Every unit once more, number by number from the formulas of its paper; nothing from `mer`.

Each takes r, s, h1, h2 as float64 arrays (N, C, H, W) and the unit's weights by name, and gives y and the map or None.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

Weights = dict[str, np.ndarray]
Result = tuple[np.ndarray, np.ndarray | None]


def sigmoid(x: float | np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def micro(r, s, h1, h2, weights: Weights) -> Result:
    """Wang et al. 2020: 1x1 convolution of [s, h1, h2] to C channels, mean over them, sigmoid; r + a r."""
    z = np.concatenate([s, h1, h2], axis=1)
    a = np.zeros((len(r), 1, *r.shape[2:]))
    for n, i, j in np.ndindex(len(r), *r.shape[2:]):
        if "project.weight" in weights:
            logit = weights["project.weight"].ravel() @ z[n, :, i, j]
        else:
            rows = weights["project.conv.weight"][:, :, 0, 0]
            logit = np.mean([row @ z[n, :, i, j] for row in rows])
        a[n, 0, i, j] = sigmoid(logit)
    return r + a * r, a


def se(r, s, h1, h2, weights: Weights) -> Result:
    """Hu et al. 2018, equations 2 to 4."""
    y = np.zeros_like(r)
    for n in range(len(r)):
        z = np.array([channel.sum() / channel.size for channel in r[n]])
        gate = sigmoid(weights["excite.weight"] @ relu(weights["squeeze.weight"] @ z))
        for c, channel in enumerate(r[n]):
            y[n, c] = gate[c] * channel
    return y, None


def eca(r, s, h1, h2, weights: Weights) -> Result:
    """Wang et al. 2020, equation 9: omega_c from the k neighbours of channel c, the same weights for all."""
    kernel = weights["neighbours.weight"][0, 0]
    y, channels, reach = np.zeros_like(r), r.shape[1], len(kernel) // 2
    for n, c in product(range(len(r)), range(channels)):
        total = 0.0
        for step, weight in enumerate(kernel, -reach):
            if 0 <= c + step < channels:
                total += weight * r[n, c + step].mean()
        y[n, c] = sigmoid(total) * r[n, c]
    return y, None


def spatial(r, s, h1, h2, weights: Weights, prefix: str = "") -> Result:
    """Woo et al. 2018, equation 3."""
    kernel = weights[f"{prefix}conv.weight"][0]
    height, width = r.shape[2:]
    a = np.zeros((len(r), 1, height, width))
    for n in range(len(r)):
        pooled = np.stack([r[n].mean(axis=0), r[n].max(axis=0)])
        for i, j in np.ndindex(height, width):
            total = 0.0
            for p, u, v in np.ndindex(2, 7, 7):
                y, x = i + u - 3, j + v - 3
                if 0 <= y < height and 0 <= x < width:
                    total += kernel[p, u, v] * pooled[p, y, x]
            a[n, 0, i, j] = sigmoid(total)
    return a * r, a


def cbam(r, s, h1, h2, weights: Weights) -> Result:
    """Woo et al. 2018, equations 1 to 3."""

    def mlp(x: np.ndarray) -> np.ndarray:
        return weights["excite.weight"] @ relu(weights["squeeze.weight"] @ x)

    weighed = np.zeros_like(r)
    for n in range(len(r)):
        gate = sigmoid(mlp(r[n].mean(axis=(1, 2))) + mlp(r[n].max(axis=(1, 2))))
        weighed[n] = np.stack([gate[c] * r[n, c] for c in range(r.shape[1])])
    return spatial(weighed, s, h1, h2, weights, prefix="spatial.")


def simam(r, s, h1, h2, weights: Weights) -> Result:
    """Yang et al. 2021: 1 / e of equation 4 with mean and variance of the channel, lambda 1e-4; sigmoid of it."""
    y, regulariser = np.zeros_like(r), 1e-4
    for n, c in np.ndindex(*r.shape[:2]):
        mean, variance = r[n, c].mean(), r[n, c].var()
        for i, j in np.ndindex(*r.shape[2:]):
            t = r[n, c, i, j]
            energy = 4 * (variance + regulariser) / ((t - mean) ** 2 + 2 * variance + 2 * regulariser)
            y[n, c, i, j] = sigmoid(1 / energy) * t
    return y, None


def coordinate(r, s, h1, h2, weights: Weights) -> Result:
    """Hou et al. 2021, equations 4 to 9, with batch normalisation by running statistics before the hard swish."""
    y = np.zeros_like(r)
    join, rows, columns = (weights[f"{name}.weight"][:, :, 0, 0] for name in ("join", "rows", "columns"))

    def squeezed(z: np.ndarray) -> np.ndarray:
        x = (join @ z - weights["bn.running_mean"]) / np.sqrt(weights["bn.running_var"] + 1e-5)
        x = x * weights["bn.weight"] + weights["bn.bias"]
        return x * np.clip(x + 3, 0, 6) / 6

    for n in range(len(r)):
        of_rows = [sigmoid(rows @ squeezed(r[n, :, i, :].mean(axis=1))) for i in range(r.shape[2])]
        of_columns = [sigmoid(columns @ squeezed(r[n, :, :, j].mean(axis=1))) for j in range(r.shape[3])]
        for c, i, j in np.ndindex(*r.shape[1:]):
            y[n, c, i, j] = r[n, c, i, j] * of_rows[i][c] * of_columns[j][c]
    return y, None


FORMULAS: dict[str, Callable[..., Result]] = {
    "micro": micro,
    "se": se,
    "eca": eca,
    "cbam": cbam,
    "spatial": spatial,
    "simam": simam,
    "coordinate": coordinate,
}
