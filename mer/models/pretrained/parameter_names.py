"""Other people's names of the same tensors: prefixes of wrappers, names of classifiers, of EfficientNet-Lite0's layers.

Contract: `our_names` proposes for every name of a file the name that it has here; whether the tensors fit is not asked.
The naming is found, not asked for: the one under which most names of the file are names of the network.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mer.models.backbones.efficientnet_lite0 import STAGES, EfficientNetLite0
from mer.models.network import RecognitionNetwork

#: The classifier elsewhere: torchvision's and timm's ResNets (fc), timm's EfficientNets and others (classifier), timm's
#: newer networks (head.fc, head), Cadene's (last_linear), the packaged EfficientNet-Lite0 (_fc).
CLASSIFIERS = {name: "fc" for name in ("fc", "classifier", "head.fc", "head", "last_linear", "_fc")}

#: Prefixes longer than this many parts are no wrapper's.
DEEPEST = 3


@dataclass(frozen=True)
class Naming:
    """How a file calls its tensors.

    Attributes:
        label: for a sentence.
        prefix: what stands before every name, `module.` say; names without it are the file's own business.
        modules: name of a module there -> name here; what is not in it has one name.
    """

    label: str
    prefix: str
    modules: dict[str, str]

    def ours(self, name: str) -> str | None:
        """The name here of a name in the file; None outside the prefix."""
        if not name.startswith(self.prefix):
            return None
        module, dot, leaf = name[len(self.prefix) :].rpartition(".")
        return self.modules.get(module, module) + dot + leaf


def find_naming(names: Collection[str], network: RecognitionNetwork) -> Naming:
    """The naming under which most of a file's names are names of the network; of two alike the plainer one."""
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
    """Modules there -> modules here, by a label; torchvision's and timm's names of a ResNet are its names here."""
    tables = {"": CLASSIFIERS}
    if isinstance(network, EfficientNetLite0):
        tables |= {"names of efficientnet-pytorch": _packaged(), "names of timm": _timm()}
    return tables


def _places() -> list[tuple[str, int, int, bool]]:
    """Every block of EfficientNet-Lite0 in order: its name, row of the paper's table, place in the row, widening."""
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
        # without widening there is no first convolution, and the others move up
        theirs = (
            ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"] if widened else ["conv_dw", "bn1", "conv_pw", "bn2"]
        )
        mine = layers[-len(theirs) :]
        table |= {f"blocks.{row}.{place}.{there}": f"{name}.{here}" for there, here in zip(theirs, mine, strict=True)}
    return table
