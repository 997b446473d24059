"""Where a result comes from: versions, commit, identity of settings and data."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "albumentations",
    "opencv-python-headless",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "numpy",
    "pydantic",
    "safetensors",
    "tqdm",
    "matplotlib",
    "uharfbuzz",
    "scikit-image",
)


def versions() -> dict[str, str]:
    """Python's and each package's version; packages that aren't here are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit(root: Path) -> str | None:
    """The commit of the checkout at `root`, with '+' after it if files were changed."""
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> str:
    # `root` must be the checkout itself: an unpacked archive inside another repository isn't.
    if not (root / ".git").exists():
        raise FileNotFoundError(root / ".git")
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
