"""Read CASME: 195 micro-expressions of 19 people, 60 fps; the coding sheet in circulation has 189 rows.

Layout: `CASME-coded-20190721.xls` with two columns for the apex, `ApexF1` (read) and `ApexF2` (a backslash means none);
`Cropped/sub01/EP01_5/`, `CASME_raw_selected/`. Subjects in the sheet and in folder names may be padded with zeros.
Source: Yan, Wu, Liu, Wang, Fu, "CASME database", FG 2013.
"""

from __future__ import annotations

from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations
from mer.data.loading.coding_sheets import CASME_COLUMNS, SheetSet, read_sheet_set
from mer.data.loading.dataset_card import USUAL, DatasetCard
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import emotion_labels, three_classes

_FOUR = ("tense", "disgust", "repression", "surprise")
_FEW = ("happiness", "sadness", "fear", "contempt")

CARD = DatasetCard(
    key="casme",
    title="CASME",
    expected_files=("CASME-coded-20190721.xls", "Cropped/sub01/EP01_5/EP01_5-1.jpg"),
    how_to_get="fill in the form at casme.psych.ac.cn/casme/e1 (a signed licence is needed).",
    label_sets={
        USUAL: emotion_labels(
            *_FOUR,
            source="the four largest classes, 171 samples in most single-database papers",
            excluded=_FEW,
            # From papers; not recounted.
            published={"tense": 69, "disgust": 44, "repression": 38, "surprise": 20},
        ),
        "all": emotion_labels(*_FOUR, *_FEW, source="all emotions of the coding sheet"),
        "megc2019": three_classes(*_FOUR, *_FEW),
    },
    parts={
        "cropped": "registered and cropped faces, `Cropped/`",
        "selected": "the same frames uncropped, `CASME_raw_selected/`",
    },
    crops=("cropped",),
    people=19,
    # In the paper, and in the coding sheet in circulation.
    totals={"cropped": (195, 189), "selected": (195, 189)},
)

LAYOUT = SheetSet(
    sheet=r"casme[-_ ]cod(ed|ing).*",
    columns=CASME_COLUMNS,
    person=r"(?:sub)?0*(\d+)",
    subject="sub{:02d}",
    frames={
        "cropped": ("Cropped", "Cropped-updated/Cropped", "."),
        "selected": ("CASME_raw_selected", "CASME-RAW-selected", "."),
    },
    clip=("{person}/{clip}",),
)


@DATASETS.register("casme", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of CASME below `data.root`; subjects are `sub01`, the apex is `ApexF1`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    return read_sheet_set(data, CARD, LAYOUT)
