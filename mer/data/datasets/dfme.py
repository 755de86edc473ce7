"""Read DFME: 7,526 micro-expression clips, seven emotions, high frame rates.

Layout: a sheet like `training.xlsx` with Subject, Filename, onset, apex, offset, label, and frames
`<Filename>/00001.png`. The layout is from public loaders and was not checked on the data. Source: Zhao, Tang, Mao,
Yin, Wu, et al., "DFME: A new benchmark for dynamic facial micro-expression recognition", IEEE TAFFC 2023.
"""

from __future__ import annotations

from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations
from mer.data.loading.coding_sheets import CASME_COLUMNS, SheetSet, read_sheet_set
from mer.data.loading.dataset_card import USUAL, DatasetCard
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import emotion_labels, three_classes

_SEVEN = ("happiness", "disgust", "contempt", "surprise", "fear", "anger", "sadness")

CARD = DatasetCard(
    key="dfme",
    title="DFME",
    expected_files=("training.xlsx", "training/0001_001/00001.png"),
    how_to_get="ask its authors, Zhao et al., doi 10.1109/TAFFC.2023.3341918 (a signed licence is needed).",
    label_sets={
        USUAL: emotion_labels(*_SEVEN, source="the set's own seven emotions", excluded=("others",)),
        "megc2019": three_classes(*_SEVEN, "others"),
    },
    totals={"": (7526,)},
)

LAYOUT = SheetSet(
    sheet=r"(.*[-_ ])?train(ing)?([-_ ].*)?",
    columns={**CASME_COLUMNS, "emotion": ("label", "Emotion", "Estimated Emotion")},
    optional=("aus",),
    person=r"(?:sub|s)?0*(\d+)",
    subject="{}",
    frames={"": ("training", "train", "frames", ".")},
    clip=("{clip}", "{person}/{clip}"),
    holds=r".*\d.*",
)


@DATASETS.register("dfme", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of DFME below `data.root`; subjects are plain numbers.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    return read_sheet_set(data, CARD, LAYOUT)
