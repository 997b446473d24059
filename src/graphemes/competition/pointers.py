"""Pointers: small files that stand in a local directory for shards that lie in remote storage.

As in Git's large file storage, but nothing is fetched: who reads the shard reads ranges of the
remote file. So whoever is given paths of shards needn't know where their bytes are. A pointer
counts only where a mirror has it: one in somebody's data set leads nowhere.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from graphemes.competition.remote_directory import RemoteFile, open_directory
from graphemes.foundation.addresses import Address, inside
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest, write_text

_MAGIC = b"graphemes pointer\n"
_LONGEST = 4096  # bytes


@dataclass(frozen=True)
class Pointer:
    """Where a shard's bytes are."""

    address: Address  # of its directory
    file: RemoteFile

    def __str__(self) -> str:
        return inside(self.address, self.file.name)

    def open(self) -> pa.NativeFile:
        """The remote file. Raises DataError where it can't be had or isn't the one pointed to."""
        file = open_directory(self.address).open(self.file.name)
        if file.size() != self.file.bytes:
            file.close()
            raise DataError(f"{self}: changed since it was listed; run again")
        return file


def mirror_of(address: Address, cache: Path) -> Path:
    """Where the mirror of an address is, under its own name, so that a store has that name too."""
    scheme, _, rest = address.partition("?")[0].partition("://")
    readable = re.sub(r"[^\w.-]", "_", rest.strip("/"))
    parent = f"{scheme}-{readable}-{digest(address.encode())[:8]}"
    name = re.sub(r"[^\w.-]", "_", rest.rstrip("/").rpartition("/")[2])
    return cache / "remote" / parent[-100:] / (name.strip(".") or "data")


def is_mirror(directory: Path) -> bool:
    """Whether a directory's shards point elsewhere."""
    return any(map(read_pointer, sorted(directory.glob("*_image_data_*"))))


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Write a pointer, unless it stands there already."""
    if read_pointer(path) == pointer:
        return
    file = pointer.file
    about = {"address": pointer.address, "bytes": file.bytes, "version": file.version}
    write_text(path, _MAGIC.decode() + json.dumps(about) + "\n")


def read_pointer(path: Path) -> Pointer | None:
    """The pointer in a file; None where there is none. Raises OSError where it can't be read."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        text = file.read(_LONGEST)
    try:
        about = json.loads(text)
        remote = RemoteFile(path.name, about["bytes"], about["version"])
        pointer = Pointer(Address(about["address"]), remote)
        place = mirror_of(pointer.address, path.absolute().parents[3])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # whoever reads it as a shard says that it is none
    return pointer if place == path.absolute().parent else None


def open_source(path: Path) -> pa.NativeFile:
    """A shard's bytes: its file mapped to memory, or the remote file that it points to."""
    pointer = read_pointer(path)
    return pa.memory_map(str(path)) if pointer is None else pointer.open()


def shard_stamp(path: Path) -> tuple[int, int | str]:
    """Bytes and time of a shard, wherever it lies. Raises OSError."""
    pointer = read_pointer(path)
    if pointer is not None:
        return pointer.file.bytes, pointer.file.version
    found = path.stat()
    return found.st_size, found.st_mtime_ns
