"""Networks and their weights. torch only.

Contract: `build` makes a `RecognitionNetwork`, `load` reads one from a checkpoint, `initialise` fills one from a file.
Its `forward(x)` gives logits, `attend(x)` logits and maps in one pass, `attention_maps(x)` one map (N, 1, H, W) for
each attended stage that has one (`map_stages`) and `features(x)` what the classifier sees.
"""

from mer.models.attention import MicroAttention
from mer.models.backbones.preact_resnet import MicroAttentionResNet
from mer.models.build import MIN_SIDE, build, config_errors, count_parameters, fold_attention
from mer.models.checkpoint import load_network as load
from mer.models.network import FeatureInfo, RecognitionNetwork
from mer.models.parameter_groups import freeze, parameter_groups
from mer.models.pretrained.initialise import config_errors as init_problems
from mer.models.pretrained.initialise import initialise

__all__ = [
    "MIN_SIDE",
    "FeatureInfo",
    "MicroAttention",
    "MicroAttentionResNet",
    "RecognitionNetwork",
    "build",
    "config_errors",
    "count_parameters",
    "fold_attention",
    "freeze",
    "init_problems",
    "initialise",
    "load",
    "parameter_groups",
]
