"""Read CASME II: 255 micro-expressions of 26 people, 200 fps, faces of about 280 x 340 pixels.

Layout: `Cropped/sub01/EP02_01f/reg_img46.jpg` (numbers unpadded) and `CASME2-coding-20140508.xlsx` or `-20190701`, with
subjects as numbers or text. Clip names are irregular and some begin like others, so whole names are compared.
Source: Yan, Li, Wang, Zhao, Liu, Chen, Fu, "CASME II", PLoS ONE 9(1), 2014, e86041.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mer.config import FolderData
from mer.data.loading import spreadsheets
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.coding_sheets import CASME_COLUMNS, SheetSet, find_sheet, read_sheet_set
from mer.data.loading.dataset_card import USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.identity import text_key
from mer.data.samples.label_sets import MEGC2019, OBJECTIVE, LabelSet, emotion_labels, identity_mapping

#: Three emotions (sadness -> surprise, sub24) and 57 cells of units differ from the sheet of 2014.
_2019 = "2019"
_FIVE = ("others", "disgust", "happiness", "repression", "surprise")

CARD = DatasetCard(
    key="casme2",
    title="CASME II",
    expected_files=("CASME2-coding-20140508.xlsx", "Cropped/sub01/EP02_01f/reg_img46.jpg"),
    how_to_get="fill in the form at casme.psych.ac.cn/casme/e2 (a signed licence is needed).",
    label_sets={
        USUAL: LabelSet(
            classes=_FIVE,
            mapping=identity_mapping(*_FIVE),
            excluded=("sadness", "fear"),
            source="the five largest classes, as in most single-database papers",
            # Recounted from a public list.
            published={"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25},
            releases={_2019: {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 28}},
        ),
        "megc2019": replace(
            MEGC2019,
            # The official list has only samples of the five classes; sadness and fear would make it 156.
            mapping={emotion: MEGC2019.mapping[emotion] for emotion in _FIVE if emotion != "others"},
            excluded=("others", "sadness", "fear"),
            published={"negative": 90, "positive": 32, "surprise": 25},
            releases={_2019: {"negative": 90, "positive": 32, "surprise": 28}},
            note=(
                "Samples were selected by label: the coding sheet of CASME II gives {total} ({negative} negative, "
                "{positive} positive, {surprise} surprise), the official "
                "list of MEGC 2019 holds 145 (88 negative)."
            ),
        ),
        # Recounted from a public list of MEGC 2018.
        "objective": replace(OBJECTIVE, published={"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20}),
        "all": emotion_labels(
            *(*_FIVE, "sadness", "fear"),
            source="all emotions of the coding sheet",
            # Recounted from a public list; 255 rows.
            published={"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25}
            | {"sadness": 7, "fear": 2},
            releases={
                _2019: {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 28}
                | {"sadness": 4, "fear": 2}
            },
        ),
    },
    parts={
        "cropped": "registered and cropped faces, `Cropped/`",
        "selected": "the same frames uncropped, `CASME2_RAW_selected/`",
        "raw": "whole recordings around each clip, `CASME2-RAW/`",
    },
    crops=("cropped",),
    people=26,
    # sub04 EP12_01f has no apex; the apex of sub05 EP09_05f is its onset.
    odd_apexes=2,
)

_OBJECTIVE_SHEET = r"casme(2|ii)[-_ ]*objective[-_ ]*class.*"
_KEY = {"subject": ("Subject",), "clip": ("Filename",)}

LAYOUT = SheetSet(
    sheet=r"casme(2|ii)[-_ ](coding|label).*",
    columns=CASME_COLUMNS,
    person=r"sub0*(\d+)",
    subject="sub{:02d}",
    frames={
        "cropped": ("Cropped", "Cropped-updated/Cropped", "Cropped-updated", "."),
        "selected": ("CASME2_RAW_selected", "CASME2-RAW-selected", "."),
        "raw": ("CASME2-RAW", "CASME2_RAW", "."),
    },
    clip=("{person}/{clip}",),
)


@DATASETS.register("casme2", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of CASME II below `data.root`; subjects are `sub01`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: a sheet cannot be read.
    """
    reading = read_sheet_set(data, CARD, LAYOUT)
    if data.labels != "objective":
        return reading
    root = open_root(data, CARD)
    sheet = find_sheet(root, _OBJECTIVE_SHEET)
    if sheet is None:
        raise CARD.not_found(root, "the sheet CASME2-ObjectiveClasses.xlsx, which data.labels=objective needs")
    return replace(reading, clips=_with_objective(reading.clips, sheet))


def _with_objective(clips: tuple[ClipAnnotation, ...], sheet: Path) -> tuple[ClipAnnotation, ...]:
    """Return the clips with the objective class from the separate sheet, "" for clips that are not in it."""
    rows = spreadsheets.read_sheet(sheet, {**_KEY, "objective": ("Objective Class", "Objective Classes")})
    texts = ({column: spreadsheets.text(row[column]) for column in row} for row in rows)
    classes = {(LAYOUT.named(row["subject"]), text_key(row["clip"])): row["objective"] for row in texts}
    return tuple(replace(clip, objective=classes.get((clip.subject, text_key(clip.clip)), "")) for clip in clips)
