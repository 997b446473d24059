"""Names that aren't UTF-8 are refused at the door, whichever setting or checkout they come from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import REPOSITORY

ODD = b"caf\xe9"  # as a disk from the days of Latin-1 has it


@pytest.fixture
def odd(tmp_path) -> bytes:
    """A directory of such a name."""
    path = os.fsencode(tmp_path) + b"/" + ODD
    try:
        os.mkdir(path)
    except OSError:
        pytest.skip("this file system takes no such name")
    return path


def refusal(*words: bytes, cwd: Path, door: bytes = os.fsencode(REPOSITORY / "run.sh")) -> str:
    """What a command ends with: one line, exit code 2, nothing written where it was called."""
    before = sorted(cwd.rglob("*"))
    environment = {**os.environ, "GRAPHEMES_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [b"bash", door, *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "caf\\xe9" in done.stderr
    assert sorted(cwd.rglob("*")) == before
    return done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [b"data_dir="],
        [b"work_dir="],
        [b"submission=", b"/s.csv"],
        [b"folds=", b"/folds.csv"],
        [b"predict", b"weights=", b"/fold0"],
        [b"synthesise", b"out=", b"/drawings"],
    ],
    ids=lambda words: words[-1].decode() if len(words) == 1 else words[-2].decode(),
)
def test_a_path_that_is_not_utf8_is_refused_before_any_work(words, odd, tmp_path):
    command, (setting, *rest) = (words[:1], words[1:]) if b"=" not in words[0] else ([], words)
    told = refusal(*command, setting + odd + b"".join(rest), cwd=tmp_path)
    assert told.endswith(": this path isn't UTF-8; rename the folder or choose another\n")


def test_where_a_link_or_the_current_directory_leads_counts(odd, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(os.fsdecode(odd))
    refusal(b"init=" + os.fsencode(link) + b"/w.safetensors", cwd=tmp_path)
    refusal(b"exclude=ids.txt", cwd=Path(os.fsdecode(odd)))


def test_a_checkout_in_such_a_place_works_elsewhere_or_not_at_all(odd, kaggle_like, tmp_path):
    house = Path(os.fsdecode(odd))
    shutil.copytree(REPOSITORY / "src", house / "src", ignore=shutil.ignore_patterns("__pycache__"))
    door = os.fsencode(shutil.copy(REPOSITORY / "run.sh", house))
    shutil.copy(REPOSITORY / "requirements.txt", house)
    data = b"data_dir=" + os.fsencode(kaggle_like)
    refusal(b"doctor", data, cwd=tmp_path, door=door)  # its results would go there
    work = tmp_path / "work"
    work.mkdir()
    place = b"work_dir=" + os.fsencode(work)
    refusal(b"folds", place, cwd=tmp_path, door=door)  # its demo would
    done = subprocess.run(
        [b"bash", door, b"folds", data, place],
        env={**os.environ, "GRAPHEMES_PYTHON": sys.executable},
        check=False,
    )
    assert done.returncode == 0
    assert (work / "folds" / "folds.csv").is_file()
