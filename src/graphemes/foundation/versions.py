"""Versions of the packages and the oldest that will do, and the commit of the checkout."""

import contextlib
import functools
import importlib
import importlib.util
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from graphemes.foundation.errors import MissingPackage

VERSION = "0.1.0"  # of this package; pyproject.toml reads it here


class Package(NamedTuple):
    """A package that something here stands on."""

    name: str  # in the package index
    oldest: str  # release that has the interfaces used here; pyproject.toml says the same
    module: str
    core: bool = True  # needed by every command that works; the others where they are used


PACKAGES = (
    Package("torch", "2.6", "torch"),
    Package("torchvision", "0.21", "torchvision", core=False),
    Package("timm", "1.0", "timm", core=False),
    Package("albumentations", "2.0.5", "albumentations"),
    Package("opencv-python-headless", "4.9", "cv2"),
    Package("pandas", "2.2", "pandas"),
    Package("pyarrow", "18", "pyarrow"),
    Package("scikit-learn", "1.4", "sklearn"),
    Package("numpy", "1.26", "numpy"),
    Package("pydantic", "2.9", "pydantic"),
    Package("safetensors", "0.4.5", "safetensors"),
    Package("tqdm", "4.65", "tqdm"),
    Package("matplotlib", "3.7", "matplotlib"),
    Package("uharfbuzz", "0.45", "uharfbuzz", core=False),
    Package("scikit-image", "0.22", "skimage", core=False),
    Package("onnx", "1.17", "onnx", core=False),
    Package("onnxruntime", "1.20", "onnxruntime", core=False),
    Package("onnxscript", "0.3", "onnxscript", core=False),
)
CORE = tuple(package.name for package in PACKAGES if package.core)
# Several packages of the index bring this module; its own word tells which release is there.
SHARED = "cv2"
# What tells git of another repository than the one in the directory given: hooks export them.
_LOCATIONS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
)


def versions() -> dict[str, str]:
    """Python's and each package's version; packages that aren't here are left out."""
    found = {package.name: _version(package) for package in PACKAGES}
    present = {name: version for name, version in found.items() if version is not None}
    return {"python": platform.python_version(), **present}


def lacking() -> list[str]:
    """The core packages that aren't here, by their names in the index."""
    core = [package for package in PACKAGES if package.core]
    return [one.name for one in core if importlib.util.find_spec(one.module) is None]


def package_of(module: str) -> str:
    """The index's name of the package that brings a module; of one unknown here, the module's."""
    return next((package.name for package in PACKAGES if package.module == module), module)


def too_old(names: tuple[str, ...] = CORE) -> list[str]:
    """Which of these packages are older than what is used here: 'timm 0.9.2 (1.0 needed)'."""
    packages = [package for package in PACKAGES if package.name in names]
    found = [(package, _version(package)) for package in packages]
    return [
        f"{package.name} {version} ({package.oldest} or newer needed)"
        for package, version in found
        if version is not None and _release(version) < _release(package.oldest)
    ]


@functools.cache  # who draws asks at every string
def check_versions(names: tuple[str, ...] = CORE) -> None:
    """Raise MissingPackage where one of these packages is here, but too old."""
    if old := too_old(names):
        raise MissingPackage(f"too old: {', '.join(old)}; bring them up to date with pip")


def _version(package: Package) -> str | None:
    """A package's version; None where it isn't here."""
    if package.module == SHARED:
        try:
            return str(importlib.import_module(SHARED).__version__)
        except ImportError:  # also where it can't be loaded: who needs it says why
            return None
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package.name) or "unknown"
    # Or it came under another name, from elsewhere than the index.
    if (module := sys.modules.get(package.module)) is not None:
        return str(getattr(module, "__version__", "unknown"))
    return "unknown" if importlib.util.find_spec(package.module) else None


def _release(version: str) -> tuple[int, ...]:
    """(2, 13, 0, 0) of '2.13.0+cpu'; newer than anything where there is no number."""
    found = re.match(r"\d+(\.\d+)*", version)
    if found is None:
        return (10**9,)
    numbers = [int(part) for part in found[0].split(".")]
    return (*numbers, 0, 0, 0, 0)[:4]


def commit(root: Path) -> str | None:
    """The commit of the checkout at `root`; None where it is none.

    With '+' after it if files were changed, '?' if that can't be told: git isn't there or refuses.
    """
    # `root` must be the checkout itself: an unpacked archive inside another repository isn't.
    head = _head(root / ".git")
    if head is None:
        return None
    try:
        return head + ("+" if _git(root, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return head + "?"


def _git(root: Path, *words: str) -> str:
    # Git refuses the checkout of another user, whose hooks it might run; we run its code already.
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *words]
    environment = {key: value for key, value in os.environ.items() if key not in _LOCATIONS}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=10, check=True, env=environment
    )
    return done.stdout.strip()


def _head(git: Path) -> str | None:
    """The commit that a checkout's .git says is checked out; None if it can't be told."""
    try:
        if git.is_file():  # of a second working tree: where the first keeps what is this one's
            git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref:"):
            head = _named(git, head.removeprefix("ref:").strip())
    except (OSError, ValueError):
        return None
    return head if re.fullmatch(r"[0-9a-f]{40,64}", head) else None


def _named(git: Path, name: str) -> str:
    """The commit of a branch: in a file of its own, or in the list of packed ones; or ''."""
    shared = git / "commondir"
    if shared.is_file():
        git /= shared.read_text(encoding="utf-8").strip()
    if (git / name).is_file():
        return (git / name).read_text(encoding="utf-8").strip()
    for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
        if line.endswith(f" {name}"):
            return line.split()[0]
    return ""
