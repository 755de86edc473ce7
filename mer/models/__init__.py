"""Build a network with `build`, load one from a checkpoint with `load`, fill one from a file with `load_weights`.

Contract: needs torch, but neither Lightning nor Hydra. All three work with a `RecognitionNetwork`: `forward(x)` returns
logits, `attend(x)` logits and attention maps from one pass, `attention_maps(x)` one map (N, 1, H, W) for each stage of
`map_stages`, and `features(x)` the input of the classifier.
"""

from mer.models.attention import MicroAttention
from mer.models.backbones.preact_resnet import MicroAttentionResNet
from mer.models.build import build, config_errors, count_parameters, fold_attention
from mer.models.checkpoint import load_network as load
from mer.models.network import FeatureInfo, RecognitionNetwork
from mer.models.parameter_groups import freeze, parameter_groups
from mer.models.pretrained.initialise import config_errors as init_config_errors
from mer.models.pretrained.initialise import load_weights

__all__ = [
    "FeatureInfo",
    "MicroAttention",
    "MicroAttentionResNet",
    "RecognitionNetwork",
    "build",
    "config_errors",
    "count_parameters",
    "fold_attention",
    "freeze",
    "init_config_errors",
    "load",
    "load_weights",
    "parameter_groups",
]
