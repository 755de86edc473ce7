"""Read RAF-DB, single-label part: 15,339 photographs from the web, six emotions and neutral, aligned to 100x100.

Layout: `EmoLabel/list_patition_label.txt` (the official spelling), lines `train_00001.jpg 5`, and
`Image/aligned/train_00001_aligned.jpg`. People are not identified.
Source: Li, Deng, Du, "Reliable crowdsourcing and deep locality-preserving learning", CVPR 2017.
"""

from __future__ import annotations

import re
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.dataset_card import NAMELESS, USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import IMAGE_SUFFIXES, find_file, find_folder, subfolders
from mer.data.samples.label_sets import emotion_labels, three_classes

EMOTIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
# Training and test part together, from the authors' page.
_COUNTS = {
    "surprise": 1290 + 329,
    "fear": 281 + 74,
    "disgust": 717 + 160,
    "happiness": 4772 + 1185,
    "sadness": 1982 + 478,
    "anger": 705 + 162,
    "neutral": 2524 + 680,
}

CARD = DatasetCard(
    key="raf_db",
    title="RAF-DB",
    expected_files=("EmoLabel/list_patition_label.txt", "Image/aligned/train_00001_aligned.jpg"),
    how_to_get="ask its authors, Li and Deng: whdeng.cn/RAF/model1.html (a signed licence is needed).",
    label_sets={
        USUAL: emotion_labels(*_COUNTS, source="the set's own seven classes", published=_COUNTS),
        "megc2019": three_classes(*_COUNTS),
    },
    parts={"all": "training and test images", "train": "training images", "test": "test images"},
    crops=("all", "train", "test"),
    counted=("all",),
    still=True,
)

_LIST = re.compile(r"list_par?tition_label\.txt", re.IGNORECASE)


@DATASETS.register("raf_db", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the images of RAF-DB below `data.root`, each a clip of one frame with its own subject.

    Raises:
        DatasetNotFoundError: the list or the images are missing.
    """
    root = open_root(data, CARD)
    base = find_folder(root, (".", "basic", "RAF-DB/basic"), holds=re.compile("emolabel")) or root
    listed = find_file([path for name, path in subfolders(base).items() if name == "emolabel"], _LIST)
    images = find_folder(base, ("Image",), holds=re.compile("aligned"))
    if listed is None or images is None:
        raise CARD.not_found(root, "the list of labels" if listed is None else "the folder Image/aligned")
    aligned = {path.stem.casefold(): path for path in subfolders(images)["aligned"].iterdir()}
    aligned = {stem: path for stem, path in aligned.items() if path.suffix.lower() in IMAGE_SUFFIXES}
    part = CARD.part(data)
    clips, faults, used = [], [], set()
    for number, line in enumerate(listed.read_text(encoding="utf-8-sig").splitlines(), start=1):
        match = re.fullmatch(r"((train|test)_(\d+))\.\w+\s+([1-7])", line.strip())
        if match is None:
            faults += [f"line {number}: expected a line like 'train_00001.jpg 5', got {line!r}"] if line.strip() else []
            continue
        path = aligned.get(f"{match.group(1)}_aligned", images / "aligned" / f"{match.group(1)}_aligned.jpg")
        used.add(path)
        if part not in ("all", match.group(2)):
            continue
        files = {int(match.group(3)): path} if path.is_file() else {}
        emotion = EMOTIONS[int(match.group(4)) - 1]
        clips.append(
            ClipAnnotation(
                *(f"line {number}", match.group(1), match.group(1), None, int(match.group(3)), None, "", emotion, ""),
                folder=path,
                files=files,
            )
        )
    unlisted = tuple(sorted(path for path in aligned.values() if path not in used))
    return Annotations(tuple(clips), listed, (NAMELESS,), tuple(faults), unlisted)
