"""A first layer trained on colour pictures, rewritten for one grey channel.

Contract: works on a state dict with our names and touches `data_bn` and `conv1` only; says how exact the result is.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Of every BN layer in the definitions and in torch.
BN_EPS = 1e-5


def to_grey_input(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """State for one grey channel g of a network for several, and a sentence on how exact it is.

    Shown g in every channel, `data_bn` gives A_c g + B_c and conv1 the sum over channels of W_c * (A_c g + B_c). The
    new `data_bn` gives a g + b, the new kernel is K = sum_c W_c A_c / a (the plain sum where all A_c are equal), and
    the constant left of the B_c goes to conv1's bias. That is exact where conv1's window lies inside the picture, so
    everywhere but in the two outermost rows and columns of its output: padding is 0 after `data_bn`, and the constant
    of the taps outside should be missing there. b leaves as little of it as one channel can (least squares), and
    nothing where `data_bn` treats all channels alike. In training `data_bn` follows the grey pictures' own statistics.
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
