"""The environment of a command's process: what the caller exports for other programs is left out.

Read are GRAPHEMES_PYTHON and KAGGLE_KERNEL_RUN_TYPE (by run.sh), and by the libraries those that
say which devices and how many threads there are (CUDA_*, OMP_*, MKL_*), torchrun's, the hub's and
those of storage (AWS_*, GOOGLE_*).
"""

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from graphemes.foundation.errors import SettingsError

# What libraries read at their import, and end with an error over, draw or compute otherwise: a
# notebook names a backend that only it has, torch and tqdm refuse values that they don't know.
FOREIGN = (
    "MPLBACKEND",
    "MATPLOTLIBRC",
    "TQDM_",
    "PYTORCH_JIT",
    "TORCH_ALLOW_TF32",
    "TORCH_COMPILE_DEBUG",
    "TORCH_CUDA_SANITIZER",
    "TORCH_DISTRIBUTED_DEBUG",
    "TORCH_FORCE_",
    "TORCH_LOGS",
    "TORCH_TRACE",
)
TEMPORARY = ("TMPDIR", "TEMP", "TMP")
# Bytes: workers hand pictures over through sockets that lie 34 bytes deeper, and a socket's path
# has 107. Beyond that they would wait for ever.
LONGEST_TEMPORARY = 70
# What Python itself doesn't show unless it is asked to.
QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def leave_out_foreign() -> None:
    """Make this process, and those it starts, deaf to what is meant for other programs.

    To be called before any library is imported.
    """
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            del os.environ[name]
    for name in TEMPORARY:
        if name in os.environ and _too_deep(os.environ[name]):
            del os.environ[name]
    if os.environ.pop("PYTHONWARNINGS", ""):
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for kind in QUIET:
            warnings.simplefilter("ignore", kind)
    sys.path[:] = own_paths(sys.path, os.environ.get("PYTHONPATH", ""))


class RankVariables(NamedTuple):
    """What torchrun tells each of the processes that it starts."""

    rank: int  # 0 .. size - 1, over all machines
    size: int
    local_rank: int  # 0 .. local_size - 1, on this machine
    local_size: int


def rank_variables(environment: Mapping[str, str]) -> RankVariables | None:
    """This process's place among those that torchrun started; None where it is alone.

    Raises SettingsError for a place that can't be.
    """
    if not {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= environment.keys():
        return None
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    told = [environment.get(name, "1") for name in names]
    said = ", ".join(f"{name}={value}" for name, value in zip(names, told, strict=True))
    try:
        found = RankVariables(*map(int, told))
    except ValueError:
        raise SettingsError(
            f"{said}: expected numbers, as torchrun sets them; unset them"
        ) from None
    if not (0 <= found.rank < found.size and 0 <= found.local_rank < found.local_size):
        raise SettingsError(f"{said}: no place in a group of processes; start it by torchrun")
    return found if found.size > 1 else None


def hush_torch() -> None:
    """Leave out what torch's C++ parts log of connections, in this process and those it starts.

    To be called before torch is imported.
    """
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def own_paths(paths: list[str], named: str) -> list[str]:
    """An import path without the caller's directory and PYTHONPATH's empty and relative entries.

    What PYTHONPATH (`named`) says in full stays, and where this package lies.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:  # removed since; nothing lies there
        return paths
    entries = named.split(os.pathsep)
    kept = {entry for entry in entries if os.path.isabs(entry)} | {str(SOURCE)}
    left = {str(here / entry) for entry in ("", *entries)} - kept
    return [path for path in paths if str(here / path) not in left]


def import_path() -> str:
    """PYTHONPATH for a process of ours: this package's place, and the absolute entries given."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([str(SOURCE), *(entry for entry in given if os.path.isabs(entry))])


def _too_deep(directory: str) -> bool:
    try:
        return len(os.fsencode(Path(directory).absolute())) > LONGEST_TEMPORARY
    except FileNotFoundError:  # relative to a directory that was removed since
        return True


SOURCE = Path(__file__).resolve().parents[2]
