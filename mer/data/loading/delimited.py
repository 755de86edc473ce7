"""Read text tables (CSV, TSV) as rows of cells: call `read_delimited`.

Contract: encoding and separator are found from the content, so files of every program can be read. A blank line is a
row without cells, so row numbers are those of a spreadsheet program.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from mer.data.loading.workbook_checks import check_size
from mer.errors import SampleError

SEPARATORS = ",;\t|"


def read_delimited(path: Path) -> list[list[str]]:
    """Return all rows of a text table, with trimmed cells; a blank line is [].

    Raises:
        SampleError: the file is not text, or larger than `MER_SHEET_MB`.
    """
    check_size(path, path.stat().st_size)
    return split_rows(decode(path.read_bytes(), path), path)


def decode(content: bytes, path: Path) -> str:
    """Return bytes in UTF-8, UTF-16, GB 18030 or Windows 1252 as text; SampleError if there are zero bytes.

    Content that is not UTF-8 is read as Chinese (GB 18030) if all its bytes outside ASCII come in pairs. Some sheets of
    the CASME group are stored so.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise SampleError(f"{path}: expected {encoding} text, got other bytes. Save it as UTF-8.") from error
    half = len(content) // 4
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # without a mark: half of the bytes are zero
        if content[start::2].count(0) > half > 0 and len(content) % 2 == 0:
            return content.decode(encoding, "replace")
    if b"\0" in content:
        raise SampleError(f"{path}: expected a text table, got bytes that are no text. Save it as CSV (UTF-8).")
    pairs = all(len(run) % 2 == 0 for run in re.findall(rb"[\x80-\xff]+", content))
    for encoding in ("utf-8", *(("gb18030",) if pairs else ()), "cp1252", "latin-1"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 reads every byte")


def split_rows(text: str, path: Path) -> list[list[str]]:
    """Return the rows of a text, split at the separator that most lines agree on; SampleError for broken quotes."""
    return [cells for _, cells in numbered_rows(text, path)]


def numbered_rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return `split_rows` with the line of each row in an editor; of a cell over several lines, the last one."""
    told = re.match(r"sep=(.)\r?\n", text)
    separator = told.group(1) if told else _separator(text)
    body = text[told.end() :] if told else text
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator)
    above: list[tuple[int, list[str]]] = [(1, [])] if told else []
    try:
        rows = [(len(above) + reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        line = len(above) + reader.line_num
        raise SampleError(f"{path}: line {line}: {error}. Save the file as a plain CSV.") from error
    return above + rows


def _separator(text: str) -> str:
    """Return the separator that gives most of the first lines the same number of cells; a tie goes to more cells."""
    lines = [line for line in text.splitlines() if line.strip(" ,;\t|")][:60]

    def agreement(separator: str) -> tuple[int, int]:
        counts = Counter(len(cells) for cells in csv.reader(lines, delimiter=separator, strict=False))
        several = {count: times for count, times in counts.items() if count > 1}
        if not several:
            return 0, 0
        count = max(several, key=lambda one: (several[one], one))
        return several[count], count

    best = max(SEPARATORS, key=agreement) if lines else ","
    # blanks only where all lines agree, as in lists "casme2 sub01 EP02_01f 0"
    blanks = {len(line.split(" ")) for line in lines}
    return " " if agreement(best) == (0, 0) and len(blanks) == 1 and min(blanks) > 1 else best
