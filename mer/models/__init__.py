"""Networks and their weights. torch only.

Contract: `build` makes a `RecognitionNetwork`, `load` reads one from a checkpoint, `initialise` fills one from a file.
Its `forward(x)` gives logits, `attend(x)` logits and maps in one pass, `attention_maps(x)` one map (N, 1, H, W) for
each attended stage that has one (`map_stages`) and `features(x)` what the classifier sees.
"""

from mer.models.attention import MicroAttention
from mer.models.backbones.preact_resnet import MicroAttentionResNet
from mer.models.build import MIN_SIDE, build, count_parameters, fold, problems
from mer.models.checkpoint import load_network as load
from mer.models.network import FeatureInfo, RecognitionNetwork
from mer.models.parameter_groups import freeze, parameter_groups
from mer.models.pretrained.initialise import initialise
from mer.models.pretrained.initialise import problems as init_problems

__all__ = [
    "MIN_SIDE",
    "FeatureInfo",
    "MicroAttention",
    "MicroAttentionResNet",
    "RecognitionNetwork",
    "build",
    "count_parameters",
    "fold",
    "freeze",
    "init_problems",
    "initialise",
    "load",
    "parameter_groups",
    "problems",
]
