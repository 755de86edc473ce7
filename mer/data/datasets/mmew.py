"""Read MMEW: 300 micro-expressions of 36 people, 90 fps, cropped faces; its 900 macro-expressions are not read.

Layout: `MMEW_Micro_Exp.xlsx` with a column of remarks, and frames in `Micro_Expression/happiness/S03-01-002/` or in
`S03/happiness/S03-01-002/1.jpg`. Source: Ben, Ren, Zhang, Wang, Kpalma, Meng, Liu, "Video-based facial micro-expression
analysis", TPAMI 44(9), 2022.
"""

from __future__ import annotations

from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations
from mer.data.loading.coding_sheets import CASME_COLUMNS, SheetSet, read_sheet_set
from mer.data.loading.dataset_card import USUAL, DatasetCard
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import emotion_labels, three_classes

# From the paper; 300 in all.
_COUNTS = {"surprise": 89, "disgust": 72, "happiness": 36, "fear": 16, "sadness": 13, "anger": 8}

CARD = DatasetCard(
    key="mmew",
    title="MMEW",
    expected_files=("MMEW_Micro_Exp.xlsx", "Micro_Expression/happiness/S03-01-002/1.jpg"),
    how_to_get="ask its authors, Ben et al., doi 10.1109/TPAMI.2021.3067464 (a signed licence is needed).",
    label_sets={
        USUAL: emotion_labels(
            *_COUNTS,
            source="the six basic emotions, 234 samples in the paper's own experiments",
            excluded=("others",),
            published=_COUNTS,
        ),
        "all": emotion_labels(
            *_COUNTS,
            "others",
            source="all emotions of the coding sheet",
            published={**_COUNTS, "others": 66},
        ),
        "megc2019": three_classes(
            *_COUNTS, "others", published={"negative": 72 + 16 + 13 + 8, "positive": 36, "surprise": 89}
        ),
    },
    people=36,
)

LAYOUT = SheetSet(
    sheet=r"mmew[-_ ]micro[-_ ]exp.*",
    columns=CASME_COLUMNS,
    person=r"s0*(\d+)",
    subject="S{:02d}",
    frames={"": ("Micro_Expression", "MMEW/Micro_Expression", "MMEW", ".")},
    clip=("{emotion}/{clip}", "{person}/{emotion}/{clip}"),
    holds=r"s\d+|" + "|".join((*_COUNTS, "others")),
)


@DATASETS.register("mmew", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the micro-expressions of MMEW below `data.root`; subjects are `S03`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    return read_sheet_set(data, CARD, LAYOUT)
