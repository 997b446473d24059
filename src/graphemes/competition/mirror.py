"""A mirror: the local directory that stands for a remote one, with its tables and pointers."""

import os
import re
from pathlib import Path

from graphemes.competition.pointers import Pointer, mirror_of, shard_stamp, write_pointer
from graphemes.competition.remote_directory import RemoteDirectory, RemoteFile, open_directory
from graphemes.foundation.addresses import Address
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import locked

TABLES = ("train.csv", "test.csv", "sample_submission.csv")
# Zipped ones too: that they are only zipped is what errors say.
_POINTED = re.compile(r"(train|test)_image_data_[0-9]+\.(feather|parquet)(\.zip)?|\w+\.csv\.zip")


def mirror(address: Address, cache: Path) -> Path:
    """A directory below `cache` as the competition's at the address: tables copied, shards not.

    What has changed or gone there changes or goes here. Raises DataError for an address where
    there is no such directory, or where it can't be read.
    """
    remote = open_directory(address)
    wanted = [
        file for file in remote.files() if file.name in TABLES or _POINTED.fullmatch(file.name)
    ]
    if not wanted:
        raise DataError(
            f"{address}: no shards and no tables there; set data_dir to the competition's files"
        )
    directory = mirror_of(address, cache)
    with locked(directory.parent / "lock"):
        for file in wanted:
            if file.name in TABLES:
                _copy(remote, file, directory / file.name)
            else:
                write_pointer(directory / file.name, Pointer(address, file))
        names = {file.name for file in wanted}
        for path in directory.iterdir():
            if path.name not in names:
                path.unlink()
    return directory


def _copy(remote: RemoteDirectory, file: RemoteFile, path: Path) -> None:
    """Copy a table, unless it is there with the remote one's bytes and time."""
    if path.is_file() and shard_stamp(path) == (file.bytes, file.version):
        return
    remote.copy(file.name, path)
    if isinstance(file.version, int):
        os.utime(path, ns=(file.version, file.version))
