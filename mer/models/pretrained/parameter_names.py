"""Find the naming scheme of a weight file with `find_naming`, and rename its tensors with `Naming.ours`.

It handles prefixes of wrappers, other names of classifiers, and other names of EfficientNet-Lite0's layers.

Contract: the user gives no scheme; the one that gives the most names of the network is used. The shapes of the tensors
are not checked here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mer.models.backbones.efficientnet_lite0 import STAGES, EfficientNetLite0
from mer.models.network import RecognitionNetwork

#: Names of the classifier in the ResNets of torchvision and timm (fc), in timm's EfficientNets and others (classifier),
#: in timm's newer networks (head.fc, head), in Cadene's networks (last_linear), in EfficientNet-Lite0's package (_fc).
CLASSIFIERS = {name: "fc" for name in ("fc", "classifier", "head.fc", "head", "last_linear", "_fc")}

#: Largest number of parts in the prefix of a wrapper.
DEEPEST = 3


@dataclass(frozen=True)
class Naming:
    """Describe the naming scheme of a file.

    Attributes:
        label: name of the scheme for a report, or empty.
        prefix: prefix of the names, for example `module.`; tensors without it are not used.
        modules: module names here by module names there; a module that is missing has the same name in both.
    """

    label: str
    prefix: str
    modules: dict[str, str]

    def ours(self, name: str) -> str | None:
        """Return the name here of a tensor in the file; None if it lacks the prefix."""
        if not name.startswith(self.prefix):
            return None
        module, dot, leaf = name[len(self.prefix) :].rpartition(".")
        return self.modules.get(module, module) + dot + leaf


def find_naming(names: Collection[str], network: RecognitionNetwork) -> Naming:
    """Return the scheme that gives the most names of the network; of equal ones the simpler one."""
    ours = set(network.state_dict())
    prefixes = {
        ".".join(name.split(".")[:k]) + "." for name in names for k in range(1, DEEPEST + 1) if name.count(".") > k
    }
    namings = [
        Naming(label, prefix, modules)
        for prefix in sorted({"", *prefixes}, key=lambda each: (len(each), each))
        for label, modules in _tables(network).items()
    ]
    return max(namings, key=lambda naming: sum(naming.ours(name) in ours for name in names))


def _tables(network: RecognitionNetwork) -> dict[str, dict[str, str]]:
    """Return tables of module names there -> here, by label; ResNets have the names of torchvision and timm here."""
    tables = {"": CLASSIFIERS}
    if isinstance(network, EfficientNetLite0):
        tables |= {"names of efficientnet-pytorch": _packaged(), "names of timm": _timm()}
    return tables


def _places() -> list[tuple[str, int, int, bool]]:
    """Return (name, row of the paper's table, place in the row, whether it widens) of EfficientNet-Lite0's blocks."""
    found = []
    row = 0
    for stage, rows in enumerate(STAGES, 1):
        index = 0
        for each in rows:
            for place in range(each.blocks):
                found.append((f"layer{stage}.{index}", row, place, each.widening > 1))
                index += 1
            row += 1
    return found


def _packaged() -> dict[str, str]:
    table = {"_conv_stem": "conv1", "_bn0": "bn1", "_conv_head": "last_conv", "_bn1": "last_bn", "_fc": "fc"}
    parts = {
        "_expand_conv": "expand_conv",
        "_bn0": "expand_bn",
        "_depthwise_conv": "depthwise_conv",
        "_bn1": "depthwise_bn",
        "_project_conv": "project_conv",
        "_bn2": "project_bn",
    }
    for number, (name, *_) in enumerate(_places()):
        table |= {f"_blocks.{number}.{theirs}": f"{name}.{mine}" for theirs, mine in parts.items()}
    return table


def _timm() -> dict[str, str]:
    table = {"conv_stem": "conv1", "bn1": "bn1", "conv_head": "last_conv", "bn2": "last_bn", "classifier": "fc"}
    layers = ("expand_conv", "expand_bn", "depthwise_conv", "depthwise_bn", "project_conv", "project_bn")
    for name, row, place, widened in _places():
        # a block without widening has no first convolution, so the other layers have lower numbers
        theirs = (
            ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"] if widened else ["conv_dw", "bn1", "conv_pw", "bn2"]
        )
        mine = layers[-len(theirs) :]
        table |= {f"blocks.{row}.{place}.{there}": f"{name}.{here}" for there, here in zip(theirs, mine, strict=True)}
    return table
