"""Whole or not at all: files are written beside their place and moved into it when complete."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.places import reason, unwritable

try:
    import fcntl
except ImportError:  # Windows has no flock; two runs at once are then the user's own affair
    fcntl = None  # type: ignore[assignment]


# Of several machines that share a directory two may have processes of one number.
_PROCESS = f"{secrets.randbelow(10**9):09}"
_LARGEST_JSON = 2**24  # bytes: ours are of kilobytes


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; moved onto it, flushed to disk, if the block ends well."""
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as mark:
                _mark_in_use(mark.fileno())
                yield temporary
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except BrokenPipeError:  # of what is said meanwhile, not of this file
        raise
    except OSError as error:
        raise UserError(f"{path}: could not be written: {reason(path, error)}") from error


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`; moved to it, flushed to disk, if the block ends well.

    What is at `path` goes then: the caller has seen that it may.
    """
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _bring_back(path.parent, {path.name})
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            with _folder_in_use(temporary):
                yield temporary
                for file in (inside for inside in temporary.rglob("*") if inside.is_file()):
                    with file.open("rb+") as opened:
                        os.fsync(opened.fileno())
                _take_place(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except BrokenPipeError:  # of what is said meanwhile, not of this folder
        raise
    except OSError as error:
        raise UserError(f"{path}: could not be written: {reason(path, error)}") from error


def _mark_in_use(descriptor: int) -> None:
    """Lock what this process is writing until it is closed: what a dead one left has no lock."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some network file systems have none
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def _folder_in_use(folder: Path) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _mark_in_use(descriptor)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(directory: Path, targets: Collection[str] | None = None) -> list[Path]:
    """Remove what processes left there that were killed while they wrote; what was removed.

    A folder that another was about to take the place of comes back, where none did.

    targets: the names of what they would have made; any, where none are given. Where files can't be
    locked nobody knows who is at work, so everything stays.
    """
    if fcntl is None or not directory.is_dir():
        return []
    found = []
    with contextlib.suppress(OSError):
        _bring_back(directory, targets)
    for path in _unused(directory, "tmp", targets):
        with contextlib.suppress(OSError):  # it has just become what it was to be
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            found.append(path)
    return found


def _unused(directory: Path, kind: str, targets: Collection[str] | None) -> Iterator[Path]:
    """What lies there of that kind, of these targets or any, and no process is at work with.

    Nobody else can begin with it before the next is asked for.
    """
    for path in list(directory.iterdir()):
        target = target_of(path, kind)
        if fcntl is None or target is None or (targets is not None and target not in targets):
            continue
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # in use
            continue
        else:
            yield path
        finally:
            os.close(descriptor)


def _take_place(temporary: Path, path: Path) -> None:
    """Move a folder to where another may be: only empty ones can be replaced in one step."""
    if not path.exists():
        temporary.replace(path)
        return
    former = path.with_name(f".{path.name}.{os.getpid()}{_PROCESS}.old")
    with _folder_in_use(path):
        path.replace(former)
        try:
            temporary.replace(path)
        except OSError:
            former.replace(path)
            raise
        shutil.rmtree(former, ignore_errors=True)  # what is asked for stands there by now


def _bring_back(directory: Path, targets: Collection[str] | None) -> None:
    """Undo what a process was killed over between the two moves of `_take_place`."""
    for former in _unused(directory, "old", targets):
        path = former.with_name(f"{target_of(former, 'old')}")
        if path.exists():
            shutil.rmtree(former, ignore_errors=True)
        else:
            former.replace(path)


def temporary_beside(path: Path) -> Path:
    """Where this process writes what will become `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}{_PROCESS}.tmp")


def target_of(temporary: Path, kind: str = "tmp") -> str | None:
    """The name of what a process would have made of a temporary; None if it isn't one of ours.

    kind: "old" for what another was taking the place of.
    """
    found = re.fullmatch(rf"\.(.+)\.\d+\.{kind}", temporary.name)
    return found[1] if found else None


def stale_temporaries(path: Path) -> list[Path]:
    """The temporaries of `path` that lie beside it: of runs that were killed, under its lock."""
    return [beside for beside in path.parent.iterdir() if target_of(beside) == path.name]


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all; NaN is refused, as other readers would."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path, cure: str = "delete or restore it") -> Any:
    """The value of a JSON file. Raises DataError naming the file, and the cure of a damaged one."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_JSON + 1)
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; restore it") from None
    if len(content) > _LARGEST_JSON:
        raise DataError(
            f"{path}: expected at most {_LARGEST_JSON:,} bytes of JSON, got more; {cure}"
        )
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:  # the latter of brackets in brackets
        raise DataError(f"{path}: can't be read as JSON ({error}); {cure}") from None


def digest(*parts: bytes) -> str:
    """128 bits of BLAKE2b over the parts, in hex."""
    summary = hashlib.blake2b(digest_size=16)
    for part in parts:
        summary.update(len(part).to_bytes(8, "little"))  # so that ("ab", "c") isn't ("a", "bc")
        summary.update(part)
    return summary.hexdigest()


def file_digest(path: Path) -> str:
    """128 bits of BLAKE2b over a file's bytes, in hex."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}") from None


@contextlib.contextmanager
def locked(path: Path, *, busy: str | None = None) -> Iterator[None]:
    """Hold an exclusive lock on `path` while the block runs.

    Waits for another holder, unless `busy` gives the sentence to raise UserError with instead.
    The lock goes with the process, so a killed run leaves none behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise unwritable(path.parent, error) from None
    with file:
        _lock(file, busy)
        yield


def _lock(file: IO[str], busy: str | None) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
    except BlockingIOError:
        raise UserError(f"{busy}") from None
    except OSError:
        # Some network file systems have no locks; atomic replacement still keeps files whole.
        return
