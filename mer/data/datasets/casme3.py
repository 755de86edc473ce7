"""Read CAS(ME)^3 part A: 1,109 micro-expressions (862 and 687 rows in other copies), 30 fps, colour and depth.

Layout: `cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx` (sheet `label`; v1 is an xls) and `part_A/spNO.1/b/color/175.jpg`,
with `depth/` beside it. Case differs (spNO, spNo). Several clips share a `Filename` and differ in the onset. Frames are
missing within recordings. Source: Li, Dong, Lu, Wang, Yan, Huang, Liu, Wang, Fu, "CAS(ME)3", TPAMI 2022.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations
from mer.data.loading.coding_sheets import CASME_COLUMNS, SheetSet, read_sheet_set
from mer.data.loading.dataset_card import USUAL, DatasetCard
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.label_sets import OBJECTIVE, emotion_labels, three_classes

_SIX = ("disgust", "surprise", "fear", "anger", "sadness", "happiness")

CARD = DatasetCard(
    key="casme3",
    title="CAS(ME)^3 part A",
    expected_files=("cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "part_A/spNO.1/b/color/175.jpg"),
    how_to_get="fill in the form at casme.psych.ac.cn/casme/e4 (a signed licence is needed).",
    label_sets={
        USUAL: emotion_labels(*_SIX, "others", source="all emotions of the coding sheet, seven classes"),
        "basic": emotion_labels(*_SIX, source="the six basic emotions", excluded=("others",)),
        "megc2019": three_classes(*_SIX, "others"),
        "objective": replace(OBJECTIVE, source=OBJECTIVE.source + "; the sheet's column Objective class"),
    },
    # About one clip in ten, reported by users of the release and confirmed by its authors.
    gaps=True,
    # In the paper, and in copies in circulation.
    totals={"": (1109, 921, 862, 860, 687)},
    # In v2: 55 on the onset, 2 before it.
    odd_apexes=57,
)

LAYOUT = SheetSet(
    sheet=r"cas\(me\)\^?3[-_ ]part[-_ ]a[-_ ]me[-_ ]label.*",
    columns={**CASME_COLUMNS, "objective": ("Objective class", "Objective classes")},
    optional=("objective",),
    person=r"spno\.?0*(\d+)",
    holds=r"spno\.?\d+(_.+)?",
    subject="spNO.{}",
    frames={
        "": ("part_A", "part_A/data/part_A", "data/part_A", "Part_A_ME_clip/frame", "Part_A_ME_clip", "frame", ".")
    },
    # The last is the package of clips, `Part_A_ME_clip/frame/spNO.1_b_166/166.jpg`.
    clip=("{person}/{clip}/color", "{person}/{clip}", "{subject}_{clip}_{onset}/color", "{subject}_{clip}_{onset}"),
    # Most recordings have no micro-expression.
    whole=False,
)


@DATASETS.register("casme3", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of CAS(ME)^3 part A below `data.root`, colour frames; subjects are `spNO.1`, clips the recording.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    return read_sheet_set(data, CARD, LAYOUT)
