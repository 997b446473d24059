"""The package as a wheel, built from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from graphemes.foundation.errors import UserError
from graphemes.foundation.files import digest, file_digest
from graphemes.foundation.layout import ROOT

SETUPTOOLS = 77  # pyproject.toml asks for it: the oldest that reads its licence field
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src")  # all that a wheel is made of
_LEFT_OUT = ("__pycache__", "*.pyc", "*.egg-info")


def check_sources(root: Path = ROOT) -> None:
    """Raise UserError where there is no checkout to build from."""
    absent = [name for name in SOURCES if not (root / name).exists()]
    if absent:
        raise UserError(
            f"{root}: no checkout of the project ({absent[0]} is missing), so no wheel can be made;"
            " run pack from a clone of the repository: bash run.sh pack"
        )


def sources_digest(root: Path = ROOT) -> str:
    """What tells the sources of one wheel from those of another."""
    files = [root / name for name in SOURCES[:-1]]
    files += sorted(path for path in (root / "src").rglob("*") if path.is_file() and _counts(path))
    named = [f"{path.relative_to(root).as_posix()} {file_digest(path)}" for path in files]
    return digest("\n".join(named).encode())


def _counts(path: Path) -> bool:
    return not any(place.match(one) for place in (path, *path.parents) for one in _LEFT_OUT)


def build_wheel(into: Path, root: Path = ROOT) -> Path:
    """Build the wheel into a folder; its path. Raises UserError where pip can't.

    From a copy of the sources: pip would leave build/ in the checkout, and take what is left there
    of earlier builds for sources. The copy lies in that folder until the wheel is there, so that
    what a killed process leaves goes with the folder.
    """
    check_sources(root)
    with tempfile.TemporaryDirectory(prefix=".sources-", dir=into) as temporary:
        copy = Path(temporary) / "copy"
        copy.mkdir()
        for name in SOURCES:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            else:
                shutil.copyfile(source, copy / name)
        _pip_wheel(copy, into, root)
    return next(into.glob("graphemes-*.whl"))


def _pip_wheel(source: Path, into: Path, root: Path) -> None:
    words = ["-m", "pip", "wheel", "--no-deps", "--disable-pip-version-check", "-w", str(into)]
    # With setuptools at hand nothing has to be fetched.
    alone = ["--no-build-isolation", "--no-index"] if _has_setuptools() else []
    done = subprocess.run(
        [sys.executable, "-P", *words, *alone, str(source)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "SOURCE_DATE_EPOCH": "315532800",  # 1980, the first year a zip knows
            "TMPDIR": str(source.parent),  # where pip's own go
        },
    )
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        why = next((line for line in said if "ERROR" in line), said[-1] if said else "no word")
        need = "" if alone else f"; without a network, install setuptools>={SETUPTOOLS} first"
        raise UserError(f"{root}: pip could not build the wheel: {why[:300]}{need}")


def _has_setuptools() -> bool:
    try:
        found = re.match(r"\d+", metadata.version("setuptools"))
    except metadata.PackageNotFoundError:
        return False
    return found is not None and int(found[0]) >= SETUPTOOLS
