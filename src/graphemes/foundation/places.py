"""Whether a place can take what is to be put there: paths, permissions, room."""

import errno
import os
import shutil
from pathlib import Path

from graphemes.foundation.errors import DataError, SettingsError, UserError

# Of 255 that systems allow; beside a file lie .NAME-probabilities.parquet.PROCESS.tmp and the like.
_LONGEST_NAME = 190


def no_directory(path: Path) -> str:
    """What a path is that isn't the directory asked for."""
    return "is a file, expected a directory" if path.exists() else "no such directory"


def need_writable(path: Path) -> None:
    """Raise UserError when no file can be put at `path`, before the work that would fill it."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder, expected the path of a file")
    if (length := len(os.fsencode(path.name))) > _LONGEST_NAME:
        raise UserError(
            f"{path}: its name takes {length} bytes, expected at most {_LONGEST_NAME}, as what is"
            " written beside it takes some more; choose a shorter one"
        )
    existing = next(p for p in path.parents if os.path.lexists(p))
    if not existing.is_dir():
        raise UserError(
            f"{path}: {existing} is no folder, so nothing can be put below it; choose another place"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{path}: {existing} can't be written to; choose another place")


def need_readable(path: Path) -> None:
    """Raise DataError for a file that is there and that this user may not read."""
    if path.exists() and not os.access(path, os.R_OK):
        raise DataError(f"{path}: you may not read it; ask whose it is, or choose another place")


def reason(path: Path, error: OSError) -> str:
    """Why `path` can't be written: the system's words, or the link that leads to nowhere."""
    for place in (path, *path.parents):
        if os.path.islink(place) and not os.path.exists(place):
            if error.errno == errno.ELOOP:
                return f"{place} is a link that leads back to itself"
            return f"{place} leads to {os.readlink(place)}, which isn't there; is its disk mounted?"
    return error.strerror or str(error)


def unwritable(folder: Path, error: OSError) -> UserError:
    """What is amiss with a folder in which no file can be made."""
    taken = next((place for place in (folder, *folder.parents) if place.is_file()), None)
    if taken is not None:
        return UserError(f"{taken}: is a file, expected a folder; move it away")
    cure = ""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        cure = "; ask whose it is, or choose another place (work_dir=PATH)"
    return UserError(f"{folder}: no file can be made there: {reason(folder, error)}{cure}")


def need_utf8(path: Path) -> None:
    """Raise SettingsError unless all of a path is UTF-8, and of where its links lead to.

    Digests, JSON files and libraries that take paths as text would fail at another name, some of
    them after a long training.
    """
    for name in (str(path), os.path.realpath(path)):
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(name).decode(errors="backslashreplace")
            raise SettingsError(
                f"{shown}: this path isn't UTF-8; rename the folder or choose another"
            ) from None


def need_space(directory: Path, needed: int, purpose: str, place: str = "work_dir") -> None:
    """Raise UserError when the disk that holds `directory` lacks `needed` bytes.

    place: what the user may choose another of.
    """
    free = free_space(directory)
    if free < needed:
        raise UserError(
            f"{directory}: {purpose} needs {gigabytes(needed)}, {gigabytes(free)} are free;"
            f" make room or choose another {place}"
        )


def free_space(directory: Path) -> int:
    """Bytes free on the disk that holds `directory`, or will when it is made."""
    existing = next(p for p in (directory, *directory.parents) if p.exists())
    return shutil.disk_usage(existing).free


def gigabytes(count: int) -> str:
    """A size for people: '1.62 GB'."""
    return f"{count / 1e9:.2f} GB"
