"""CASME II: 255 micro-expressions of 26 people, 200 fps, faces of about 280 x 340 pixels.

Layout: `Cropped/sub01/EP02_01f/reg_img46.jpg` (numbers unpadded) and `CASME2-coding-20140508.xlsx` or `-20190701`,
where subjects are numbers or text. Clip names are irregular and some begin like others, so only whole names count.
Source: Yan, Li, Wang, Zhao, Liu, Chen, Fu, "CASME II", PLoS ONE 9(1), 2014, e86041.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mer.config import FolderData
from mer.corpus import sheets
from mer.corpus.assemble import table_of
from mer.corpus.clips_on_disk import clip_folder, find_file, find_folder, folders, numbered_folders
from mer.corpus.coded import CodedClip, coded_clips
from mer.corpus.labels import MEGC2019, OBJECTIVE, LabelSet, themselves
from mer.corpus.official import USUAL, Official, open_root
from mer.corpus.samples import SampleTable

_FIVE = ("others", "disgust", "happiness", "repression", "surprise")

CARD = Official(
    key="casme2",
    title="CASME II",
    expects=("CASME2-coding-20140508.xlsx", "Cropped/sub01/EP02_01f/reg_img46.jpg"),
    apply="fill in the form at casme.psych.ac.cn/casme/e2 (a signed licence is needed).",
    label_sets={
        USUAL: LabelSet(
            classes=_FIVE,
            of=themselves(*_FIVE),
            left_out=("sadness", "fear"),
            source="the five largest classes, as in most single-database papers",
            # Recounted from a public list.
            published={"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25},
        ),
        "megc2019": replace(
            MEGC2019,
            # The official list takes the five-class samples only; with sadness and fear the sheet would give 156.
            of={emotion: MEGC2019.of[emotion] for emotion in _FIVE if emotion != "others"},
            left_out=("others", "sadness", "fear"),
            published={"negative": 90, "positive": 32, "surprise": 25},
            note=(
                "Samples were selected by label: the coding sheet of CASME II gives 147 (90 negative), the official "
                "list of MEGC 2019 holds 145 (88 negative)."
            ),
        ),
        # Recounted from a public list of MEGC 2018.
        "objective": replace(OBJECTIVE, published={"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20}),
    },
)

_SHEET = re.compile(r"casme(2|ii)[-_ ]coding.*\.xlsx?", re.IGNORECASE)
_OBJECTIVE_SHEET = re.compile(r"casme(2|ii)[-_ ]*objective[-_ ]*class.*\.xlsx?", re.IGNORECASE)
_SUBJECT = re.compile(r"(?:sub)?0*(\d+)", re.IGNORECASE)
_KEY = {"subject": ("Subject",), "clip": ("Filename",)}
_COLUMNS = {
    **_KEY,
    "onset": ("OnsetFrame", "Onset"),
    "apex": ("ApexFrame", "Apex"),
    "offset": ("OffsetFrame", "Offset"),
    "aus": ("Action Units",),
    "emotion": ("Estimated Emotion",),
}


def load(data: FolderData, cache_dir: Path) -> SampleTable:
    """The samples of CASME II below `data.root`, cropped frames; subjects are `sub01`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: rows that cannot be used, or frames that are not on disk.
    """
    root = open_root(data, CARD)
    frames = find_folder(root, ("Cropped", "Cropped-updated/Cropped", "Cropped-updated", "."), holds=_SUBJECT)
    if frames is None:
        raise CARD.not_found(root, "the folder Cropped with a folder for each subject")
    places = (root, *folders(root).values(), root.parent)
    sheet = find_file(places, _SHEET)
    if sheet is None:
        raise CARD.not_found(root, "the sheet CASME2-coding-*.xlsx")
    people = numbered_folders(frames, _SUBJECT)
    clips = coded_clips(
        sheet,
        _COLUMNS,
        subject=_subject,
        folder=lambda subject, clip: clip_folder(people.get(int(subject[3:]), frames / subject), clip),
    )
    if data.labels == "objective":
        classes = find_file(places, _OBJECTIVE_SHEET)
        if classes is None:
            raise CARD.not_found(root, "the sheet CASME2-ObjectiveClasses.xlsx, which data.labels=objective needs")
        clips = _with_objective(clips, classes)
    return table_of(clips, data, CARD, origin=sheet, notes=(f"Coding sheet: {sheet.name}.",))


def _subject(text: str) -> str | None:
    match = _SUBJECT.fullmatch(text)
    return f"sub{int(match.group(1)):02d}" if match else None


def _with_objective(clips: list[CodedClip], sheet: Path) -> list[CodedClip]:
    """The clips with the objective class of the separate sheet, "" where it does not list them."""
    rows = sheets.read_sheet(sheet, {**_KEY, "objective": ("Objective Class", "Objective Classes")})
    texts = ({column: sheets.text(row[column]) for column in row} for row in rows)
    classes = {(_subject(row["subject"]), row["clip"].casefold()): row["objective"] for row in texts}
    return [replace(clip, objective=classes.get((clip.subject, clip.clip.casefold()), "")) for clip in clips]
