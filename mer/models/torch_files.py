"""Read files of `torch.save` safely with `read_torch`.

Contract: no code of a file runs, and no file uses more memory than it has bytes. The size and the directory of the file
are checked before torch decodes it, the decoded values before they are returned. The limits can be raised
(`mer.utils.limits`).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mer.errors import MerError
from mer.utils.limits import limit, require_within

#: Largest size in bytes of a weight file and of all its tensors, ten times the largest network supported here.
WEIGHT_BYTES = 2 * 1024**3

#: Largest number of entries in the directory of a file; each tensor has one.
WEIGHT_ENTRIES = 200_000

#: Largest number of values in the lists and dicts of a file, each counted once per reference. Without this limit a few
#: nested lists that repeat the same list could expand to more values than fit into memory.
WEIGHT_VALUES = 1_000_000

#: First bytes of a zip archive, which is what torch writes.
ZIP = b"PK\x03\x04"

#: Smallest size in bytes of an entry in a zip directory, and the largest distance of the directory's end record from
#: the end of the file.
_ENTRY, _TAIL = 46, 22 + 65535 + 76


class UnreadableError(MerError):
    """Report a file that torch cannot read as plain values, or that contradicts itself; gives only the reason."""


def read_torch(path: Path) -> Any:
    """Return the content of a file written by `torch.save`, plain values and tensors on the CPU.

    Raises:
        LimitError: if it exceeds one of the limits `weight_bytes`, `weight_entries`, `weight_values`.
        UnreadableError: if it is another kind of file, damaged, or contains code.
    """
    require_within("weight_bytes", WEIGHT_BYTES, path.stat().st_size, f"{path}: bytes")
    with path.open("rb") as file:
        is_zip = file.read(len(ZIP)) == ZIP
    if is_zip:
        _check_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a foreign, truncated or unsafe file
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise UnreadableError(f"{type(error).__name__}: {first}") from error
    _check_content(content, path)
    return content


def _check_archive(path: Path) -> None:
    """Raise an UnreadableError if a zip directory claims more bytes than the file has; decodes nothing.

    torch stores tensors uncompressed. A compressed entry, or several entries that share bytes, could expand to more
    than the size of the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    require_within("weight_entries", WEIGHT_ENTRIES, _directory_bytes(tail) // _ENTRY, f"{path}: tensors")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableError(f"a damaged archive: {error}") from error
    packed = next((entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None:
        raise UnreadableError(f"expected uncompressed entries, got {packed} compressed: save it again with torch.save")
    claimed = sum(entry.file_size for entry in entries)
    if claimed > size:
        raise UnreadableError(f"its entries claim {claimed:,} bytes, the file has {size:,}")


def _directory_bytes(tail: bytes) -> int:
    """Return the size in bytes of a zip directory from its end record; 0 if there is no such record."""
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        return 0
    sizes = [struct.unpack_from("<I", tail, end + 12)[0]]
    if tail[end - 76 : end - 72] == b"PK\x06\x06":  # the end record of large archives (zip64) stands before it
        sizes.append(struct.unpack_from("<Q", tail, end - 76 + 40)[0])
    return sizes[-1] if sizes[0] == 0xFFFFFFFF else max(sizes)


def _check_content(content: Any, path: Path) -> None:
    """Raise if a tensor claims more numbers than are stored, or if the values exceed a limit."""
    left, seen, total = [content], 0, 0
    most = limit("weight_values", WEIGHT_VALUES)
    while left and seen + len(left) <= most:
        value = left.pop()
        seen += 1
        if isinstance(value, Tensor):
            total += _stored_bytes(value)
        elif isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, (list, tuple, set, frozenset)):
            left += value
    require_within("weight_values", WEIGHT_VALUES, seen + len(left), f"{path}: values")
    require_within("weight_bytes", WEIGHT_BYTES, total, f"{path}: bytes of tensors")


def _stored_bytes(tensor: Tensor) -> int:
    """Return the bytes of a tensor; raise an UnreadableError unless all its numbers are stored one by one."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    size = tensor.numel() * tensor.element_size()
    if not plain or size > tensor.untyped_storage().nbytes():
        raise UnreadableError(f"a tensor of shape {tuple(tensor.shape)} whose numbers are not all stored in the file")
    return size
