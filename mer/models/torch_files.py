"""Files of torch as plain values: no code of a file runs, and none can claim more memory than it has bytes.

Contract: `read_torch` looks at the size and the directory of a file before torch decodes it, and at what came out
before anybody computes with it. The limits can be lifted (`mer.utils.limits`).
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

#: Bytes of a weight file, and of all its tensors: ten times the largest network that a run here can begin with.
WEIGHT_BYTES = 2 * 1024**3

#: Entries in the directory of a file, one a tensor.
WEIGHT_ENTRIES = 200_000

#: Values in a file's lists and dicts, each counted as often as it is referred to: a few lists of lists of the same
#: list can mean more values than any memory holds.
WEIGHT_VALUES = 1_000_000

#: First bytes of a zip archive, which is what torch writes.
ZIP = b"PK\x03\x04"

#: Smallest size of an entry in the directory of a zip archive, and how far from the end of a file its end may lie.
_ENTRY, _TAIL = 46, 22 + 65535 + 76


class UnreadableError(MerError):
    """A file that torch cannot read as plain values, or whose content contradicts itself; gives the reason only."""


def read_torch(path: Path) -> Any:
    """Content of a file written by `torch.save`: plain values and tensors on the CPU.

    Raises:
        LimitError: it is larger than the limits `weight_bytes`, `weight_entries` or `weight_values`.
        UnreadableError: not such a file, damaged, or with code in it.
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
    """Raise where the directory of a zip archive claims more than the file can hold; nothing is decoded.

    torch stores tensors as they are. An entry that is compressed, or several that share bytes, would come out larger
    than the file.
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
        raise UnreadableError(f"entry {packed} is compressed, which torch.save never does; save the file with it again")
    claimed = sum(entry.file_size for entry in entries)
    if claimed > size:
        raise UnreadableError(f"its entries claim {claimed:,} bytes, the file has {size:,}")


def _directory_bytes(tail: bytes) -> int:
    """Size of the directory of a zip archive as the end of the file says it; 0 where there is no end."""
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        return 0
    sizes = [struct.unpack_from("<I", tail, end + 12)[0]]
    if tail[end - 76 : end - 72] == b"PK\x06\x06":  # the same for large archives, in front of it
        sizes.append(struct.unpack_from("<Q", tail, end - 76 + 40)[0])
    return sizes[-1] if sizes[0] == 0xFFFFFFFF else max(sizes)


def _check_content(content: Any, path: Path) -> None:
    """Raise where tensors claim more numbers than are stored, or values mean more than a memory holds."""
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
    """Bytes of a tensor whose numbers are all stored one by one."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    size = tensor.numel() * tensor.element_size()
    if not plain or size > tensor.untyped_storage().nbytes():
        raise UnreadableError(f"a tensor of shape {tuple(tensor.shape)} whose numbers are not all stored in the file")
    return size
