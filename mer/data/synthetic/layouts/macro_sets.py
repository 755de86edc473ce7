"""Write clips in the layouts of macro-expression sets: sequences up to the peak, and still images.

Contract: as in `mer.data.synthetic.layouts.micro_sets`. For a set of still images only the apex is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from mer.data.datasets import ck_plus, fer2013, raf_db
from mer.data.datasets.jaffe import CODES
from mer.data.synthetic.layouts.writing import LAYOUTS, LayoutClip, spelling, write_frames, write_image

_SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
OULU_VARIANTS = tuple(f"{camera}_{light}" for camera, light in product(("vl", "ni"), ("strong", "weak", "dark")))


def _apex(clip: LayoutClip) -> np.ndarray:
    return clip.frames(clip.onset if clip.apex is None else clip.apex)


@LAYOUTS.register("ck_plus", profile="basic_contempt")
def write_ck_plus(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `cohn-kanade-images/S011/001/S011_001_00000016.png` and label files; one sequence per person lacks it."""
    seen: Counter[int] = Counter()
    for clip in clips:
        person = f"S{clip.subject:03d}"
        images, labels = out / "cohn-kanade-images" / person, out / "Emotion" / person
        if not seen[clip.subject]:
            nameless = images / "900"
            nameless.mkdir(parents=True)
            for number in (1, 2):
                write_image(nameless / f"{person}_900_{number:08d}.png", clip.frames(clip.onset))
            (labels / "900").mkdir(parents=True)
            (images / ".DS_Store").write_bytes(b"stray")
        seen[clip.subject] += 1
        take = f"{seen[clip.subject]:03d}"
        write_frames(clip, images / take, f"{person}_{take}_{{:08d}}.png", start=1, peak=True)
        number = ck_plus.EMOTIONS.index(spelling(clip, {word: word for word in ck_plus.EMOTIONS}, "ck_plus"))
        last = max(path.stem for path in (images / take).iterdir())
        (labels / take).mkdir(parents=True)
        (labels / take / f"{last}_emotion.txt").write_text(f"   {number:.7e}\n", encoding="ascii")


@LAYOUTS.register("oulu_casia", profile="basic", variants=OULU_VARIANTS)
def write_oulu_casia(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `OriginalImg/VL/Strong/P012/Anger/000.jpeg`; a second clip of an emotion goes to person number + 100."""
    camera, light = variant.split("_")
    names = {word: word.title() for word in _SIX}
    seen: Counter[tuple[int, str]] = Counter()
    for clip in clips:
        emotion = spelling(clip, names, "oulu_casia")
        person = clip.subject + 100 * seen[clip.subject, emotion]
        seen[clip.subject, emotion] += 1
        folder = out / "OriginalImg" / camera.upper() / light.title() / f"P{person:03d}" / emotion
        write_frames(clip, folder, "{:03d}.jpeg", start=0, peak=True)


@LAYOUTS.register("mug", profile="basic")
def write_mug(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `subjects3/001/happiness/take000/img_0000.jpg`; every third person's folder is doubled."""
    seen: Counter[tuple[int, str]] = Counter()
    for clip in clips:
        emotion = spelling(clip, {word: word for word in (*_SIX, "neutral")}, "mug")
        person = f"{clip.subject:03d}"
        inner = f"{person}/{person}" if clip.subject % 3 == 0 else person
        take = f"take{seen[clip.subject, emotion]:03d}"
        seen[clip.subject, emotion] += 1
        write_frames(clip, out / "subjects3" / inner / emotion / take, "img_{:04d}.jpg", start=0)


@LAYOUTS.register("jaffe", profile="basic_neutral")
def write_jaffe(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `KA.AN1.39.tiff` in one folder with a readme; every fourth image is `.tiff.bmp`, every fifth both."""
    codes = {emotion: code for code, emotion in CODES.items()}
    seen: Counter[tuple[int, str]] = Counter()
    for number, clip in enumerate(clips):
        code = spelling(clip, codes, "jaffe")
        seen[clip.subject, code] += 1
        person = chr(ord("A") + clip.subject // 26 % 26) + chr(ord("A") + clip.subject % 26)
        name = f"{person}.{code}{seen[clip.subject, code]}.{number + 1}.tiff"
        if number % 4 or not number % 5:
            write_image(out / name, _apex(clip))
        if not number % 4 or not number % 5:
            write_image(out / f"{name}.bmp", _apex(clip))
    (out / "README_FIRST.txt").write_text("Invented images in the layout of JAFFE.\n", encoding="ascii")


@LAYOUTS.register("fer2013", profile="basic_neutral")
def write_fer2013(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `fer2013.csv` with emotion, pixels, Usage: of ten rows eight Training, one PublicTest, one PrivateTest."""
    names = {word: str(number) for number, word in enumerate(fer2013.EMOTIONS)}
    with (out / "fer2013.csv").open("w", encoding="ascii", newline="\n") as file:
        file.write("emotion,pixels,Usage\n")
        for number, clip in enumerate(clips):
            usage = {8: "PublicTest", 9: "PrivateTest"}.get(number % 10, "Training")
            side = (fer2013.SIDE, fer2013.SIDE)
            grey = cv2.resize(_grey(_apex(clip)), side, interpolation=cv2.INTER_AREA)
            file.write(f"{spelling(clip, names, 'fer2013')},{' '.join(map(str, grey.ravel()))},{usage}\n")


@LAYOUTS.register("raf_db", profile="basic_neutral")
def write_raf_db(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `EmoLabel/list_patition_label.txt` and `Image/aligned/train_00001_aligned.jpg`; every fifth is test."""
    names = {word: str(number) for number, word in enumerate(raf_db.EMOTIONS, start=1)}
    lines = []
    seen: Counter[str] = Counter()
    images = out / "Image" / "aligned"
    images.mkdir(parents=True)
    for number, clip in enumerate(clips):
        part = "train" if (number + 1) % 5 else "test"
        digits = 5 if part == "train" else 4
        seen[part] += 1
        stem = f"{part}_{seen[part]:0{digits}d}"
        write_image(images / f"{stem}_aligned.jpg", _apex(clip))
        lines.append(f"{stem}.jpg {spelling(clip, names, 'raf_db')}\n")
    (out / "EmoLabel").mkdir()
    (out / "EmoLabel" / "list_patition_label.txt").write_text("".join(lines), encoding="ascii")


def _grey(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
