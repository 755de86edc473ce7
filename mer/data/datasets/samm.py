"""Read SAMM: 159 micro-expressions of 28 or 29 people, 200 fps, grey.

Layout: `SAMM/006/006_1_2/006_05562.jpg` (4 or 5 digits by clip) and `SAMM_Micro_FACS_Codes_v2.xlsx` with a header below
a block of notes. Labels are in Title Case, the rest class is `Other` or `Others`.
Source: Davison, Lansley, Costen, Tan, Yap, "SAMM: A Spontaneous Micro-Facial Movement Dataset", IEEE TAFFC 2018.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations
from mer.data.loading.coding_sheets import CASME_COLUMNS, SheetSet, read_sheet_set
from mer.data.loading.dataset_card import USUAL, DatasetCard
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import MEGC2019, OBJECTIVE, LabelSet, emotion_labels, identity_mapping

_FIVE = ("anger", "happiness", "others", "surprise", "contempt")

CARD = DatasetCard(
    key="samm",
    title="SAMM",
    expected_files=("SAMM_Micro_FACS_Codes_v2.xlsx", "SAMM/006/006_1_2/006_05562.jpg"),
    how_to_get="ask its authors, Davison et al., doi 10.1109/TAFFC.2016.2573832 (a signed licence is needed).",
    label_sets={
        USUAL: LabelSet(
            classes=_FIVE,
            mapping=identity_mapping(*_FIVE),
            excluded=("disgust", "fear", "sadness"),
            source="the five largest classes, as in most single-database papers",
            # Counts reported for the release by public loaders.
            published={"anger": 57, "happiness": 26, "others": 26, "surprise": 15, "contempt": 12},
        ),
        # Counts of the official list of MEGC 2019.
        "megc2019": replace(MEGC2019, published={"negative": 92, "positive": 26, "surprise": 15}),
        # Recounted from a public list of MEGC 2018.
        "objective": replace(OBJECTIVE, published={"I": 24, "II": 13, "III": 20, "IV": 8, "V": 3}),
        "all": emotion_labels(
            *(*_FIVE, "disgust", "fear", "sadness"),
            source="all emotions of the coding sheet",
            # Counts reported for the release by public loaders; 159 rows.
            published={"anger": 57, "happiness": 26, "others": 26, "surprise": 15, "contempt": 12}
            | {"disgust": 9, "fear": 8, "sadness": 6},
        ),
    },
    # 028_4_1 and 032_3_1: the apex is outside onset .. offset.
    odd_apexes=2,
)

LAYOUT = SheetSet(
    sheet=r"samm[-_ ](\d{8}[-_ ])?micro[-_ ]facs[-_ ]codes.*",
    columns={**CASME_COLUMNS, "objective": ("Objective Classes", "Objective Class")},
    optional=("objective",),
    person=r"0*(\d+)",
    subject="{:03d}",
    frames={"": ("SAMM", ".")},
    clip=("{person}/{clip}",),
)


@DATASETS.register("samm", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of SAMM below `data.root`; subjects are three digits, `006`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    return read_sheet_set(data, CARD, LAYOUT)
