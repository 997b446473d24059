"""Where a result comes from: versions, commit, identity of settings and data."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.files import file_digest
from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.groups import Architecture, Learning

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
    "iterative-stratification",
    "tqdm",
    "matplotlib",
    "uharfbuzz",
    "scikit-image",
)

# Settings that weren't always there: left out of an identity where they change nothing, or
# results of before would differ.
LATER = (
    *(key for key in Architecture.model_fields if key != "trunk"),
    "grapheme_weight",
    "pretrained",
    "synthetic_share",
)
_LEFT_OUT = {
    key: value for key, value in Learning().model_dump(mode="json").items() if key in LATER
}


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


def learning_settings(settings: Learning) -> dict[str, Any]:
    """The settings that decide which weights come out, as JSON values; files by their digest."""
    dumped = settings.model_dump(mode="json")
    chosen = {key: dumped[key] for key in Learning.model_fields}
    for key in ("init", "exclude"):
        path = getattr(settings, key)
        chosen[key] = None if path is None else file_digest(path)
    for key in LATER:
        if getattr(settings, key) == Learning.model_fields[key].default:
            del chosen[key]
    return chosen


def identity(
    learning: dict[str, Any], seed: int, digests: dict[str, str], demo: bool
) -> dict[str, Any]:
    """What makes a fold the one that is asked for: equal identities, equal weights."""
    return {
        "settings": {**learning, "seed": seed},
        "digests": digests,
        "classes": [head.classes for head in HEADS],
        "demo": demo,
    }


def differences(kept: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """What differs between two identities, for people: 'epochs is 3, asked for 4'."""
    found = []
    for group in ("settings", "digests"):
        keys = {**asked[group], **kept.get(group, {})}
        left_out = _LEFT_OUT if group == "settings" else {}
        old, new = {**left_out, **kept.get(group, {})}, {**left_out, **asked[group]}
        for key in keys:
            if old.get(key) != new.get(key):
                if group == "digests":
                    found.append(f"its {key}{' images' if key == 'synthetic' else ''} differ")
                else:
                    found.append(f"{key} is {old.get(key)}, asked for {new.get(key)}")
    if kept.get("classes") != asked["classes"]:
        found.append("its classes differ")
    return found


def place_taken_error(what: Path, found: list[str]) -> PlaceTaken:
    """The error for a place that holds something else."""
    shown = "; ".join(found[:4]) + ("; and more" if len(found) > 4 else "")
    return PlaceTaken(
        f"{what}: made with other settings or data ({shown});"
        " overwrite=true replaces it, name=WORD keeps both"
    )
