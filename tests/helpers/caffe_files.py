"""Caffe files and their network once more, by hand: bytes of protobuf, and the definition run from blobs by layer name.

Contract: nothing from `mer`. Layer names, blobs and order of operations are typed from the authors' definition.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.helpers.reference_network import max_pool

Blobs = dict[str, list[np.ndarray]]

CHANNELS = (64, 128, 256, 512)


def random_blobs(
    *,
    classifier: str = "classifier-Expressions",
    in_channels: int = 1,
    classes: int = 5,
    stages: tuple[int, ...] = (1, 2, 3, 4),
    seed: int = 0,
) -> Blobs:
    """Random float32 numbers in every layer, in file order; scale factors of BN between 0.3 and 1000."""
    rng = np.random.default_rng(seed)
    blobs: Blobs = {}

    def normal(*shape: int, std: float = 1.0) -> np.ndarray:
        return rng.normal(0, std, shape).astype(np.float32)

    def normalisation(statistics: str, scale: str, c: int) -> None:
        factor = np.float32(rng.choice([0.3, 17.0, 999.98]))
        mean, variance = rng.normal(0, 0.3, c), rng.uniform(0.5, 2, c)
        blobs[statistics] = [(mean * factor).astype("f4"), (variance * factor).astype("f4"), np.array([factor], "f4")]
        blobs[scale] = [rng.uniform(0.5, 1.5, c).astype("f4"), normal(c, std=0.3)]

    def convolution(name: str, outputs: int, inputs: int, side: int) -> None:
        blobs[name] = [normal(outputs, inputs, side, side, std=(2 / (inputs * side * side)) ** 0.5)]

    normalisation("data_bn", "data_scale", in_channels)
    convolution("conv1", 64, in_channels, 7)
    blobs["conv1"].append(normal(64))
    normalisation("conv1_bn", "conv1_scale", 64)
    before = 64
    for stage, c in enumerate(CHANNELS, 1):
        if stage > 1:
            normalisation(f"layer_{c}_1_bn1", f"layer_{c}_1_scale1", before)
        convolution(f"layer_{c}_1_conv1", c, before, 3)
        normalisation(f"layer_{c}_1_bn2", f"layer_{c}_1_scale2", c)
        convolution(f"layer_{c}_1_conv2", c, c, 3)
        if stage > 1:
            convolution(f"layer_{c}_1_conv_expand", c, before, 1)
        if stage in stages:
            # maps far from 0.5, so that a wrong one shows
            blobs[f"mask_Concat_{c}_1x1"] = [normal(c, 3 * c, 1, 1, std=0.5)]
            blobs[f"mask_Concat_{c}_1x1_one"] = [np.full((1, c, 1, 1), 1 / c, np.float32)]
        before = c
    normalisation("last_bn", "last_scale", 512)
    blobs[classifier] = [normal(classes, 512, std=0.05), normal(classes)]
    return blobs


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def chunk(field: int, content: bytes) -> bytes:
    """A field of wire type 2: string, message or packed numbers."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def blob_bytes(blob: np.ndarray, *, v1: bool) -> bytes:
    data = chunk(5, blob.astype("<f4").tobytes())
    if v1:
        shape = (1,) * (4 - blob.ndim) + blob.shape
        return b"".join(number(i, side) for i, side in enumerate(shape, 1)) + data
    return data + chunk(7, chunk(1, b"".join(varint(side) for side in blob.shape)))


def layer_bytes(name: str, blobs: list[np.ndarray], *, v1: bool = False, kind: str = "", extra: bytes = b"") -> bytes:
    parts = [chunk(6 if v1 else 7, blob_bytes(blob, v1=v1)) for blob in blobs]
    head = chunk(4, name.encode()) if v1 else chunk(1, name.encode()) + chunk(2, kind.encode())
    return chunk(2 if v1 else 100, head + b"".join(parts) + extra)


def file_bytes(blobs: Blobs, *, v1: bool = False, extra: bytes = b"") -> bytes:
    """A whole file: the network's name, then its layers in order."""
    layers = [layer_bytes(name, found, v1=v1) for name, found in blobs.items()]
    return chunk(1, b"by hand") + b"".join(layers) + extra


def forward(blobs: Blobs, x: Tensor, *, release: str) -> tuple[Tensor, dict[int, Tensor]]:
    """Logits and maps by stage of float64 input, straight from the blobs."""

    def weight(name: str, index: int = 0) -> Tensor:
        return torch.from_numpy(blobs[name][index].astype(np.float64))

    def normalise(x: Tensor, statistics: str, scale: str) -> Tensor:
        f = weight(statistics, 2).item()
        f = 0.0 if f == 0 else 1 / f
        mean, variance = (weight(statistics, i).view(1, -1, 1, 1) * f for i in (0, 1))
        gamma, beta = (weight(scale, i).view(1, -1, 1, 1) for i in (0, 1))
        return (x - mean) / torch.sqrt(variance + 1e-5) * gamma + beta

    x = normalise(x, "data_bn", "data_scale")
    x = F.conv2d(x, weight("conv1"), weight("conv1", 1), stride=2, padding=3)
    x = max_pool(F.relu(normalise(x, "conv1_bn", "conv1_scale")))
    maps = {}
    for stage, c in enumerate(CHANNELS, 1):
        layer = f"layer_{c}_1"
        stride = 1 if stage == 1 else 2
        p = x if stage == 1 else F.relu(normalise(x, f"{layer}_bn1", f"{layer}_scale1"))
        h1 = F.conv2d(p, weight(f"{layer}_conv1"), stride=stride, padding=1)
        h1 = F.relu(normalise(h1, f"{layer}_bn2", f"{layer}_scale2"))
        h2 = F.conv2d(h1, weight(f"{layer}_conv2"), padding=1)
        s = x if stage == 1 else F.conv2d(p, weight(f"{layer}_conv_expand"), stride=2)
        r = s + h2
        if release == "megc2019" and stage == 4:
            r = F.relu(normalise(r, "last_bn", "last_scale"))
        if f"mask_Concat_{c}_1x1" in blobs:
            z = F.conv2d(torch.cat([s, h1, h2], dim=1), weight(f"mask_Concat_{c}_1x1"))
            maps[stage] = torch.sigmoid(F.conv2d(z, weight(f"mask_Concat_{c}_1x1_one")))
            r = r + maps[stage] * r
        x = r
    if release == "single":
        x = F.relu(normalise(x, "last_bn", "last_scale"))
    f = x.mean(dim=(2, 3))
    if release == "megc2019":
        f = f / f.square().sum(dim=1, keepdim=True).sqrt()
    classifier = next(name for name in reversed(blobs) if name.startswith(("classifier", "score")))
    return f @ weight(classifier).T + weight(classifier, 1), maps
