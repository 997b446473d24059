"""What is said where it can't be written: a full disk, a closed stream, nobody who reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import REPOSITORY
from graphemes.foundation.errors import UserError
from graphemes.foundation.files import replacing
from graphemes.foundation.progress import say

FULL = Path("/dev/full")  # each write fails as on a full disk
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")
TOLD = "graphemes: stdout couldn't be written: No space left on device"


def through_a_shell(words: str, streams: str) -> subprocess.CompletedProcess[str]:
    command = f"exec {sys.executable!r} -P -m graphemes {words} {streams}"
    return subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_full
@pytest.mark.parametrize("words", ["help", "folds help", "doctor data_dir=/"])
def test_a_full_disk_behind_stdout_is_said_in_a_line(words):
    done = through_a_shell(words, f">{FULL}")
    assert done.returncode == 2
    assert done.stderr.startswith(TOLD)
    assert done.stderr.count("\n") == 1


@needs_full
@pytest.mark.parametrize(
    ("words", "streams"),
    [("folds by=x", f"2>{FULL}"), ("help", f">{FULL} 2>&1"), ("folds by=x", "2>&-")],
)
def test_where_nobody_can_be_told_the_exit_code_tells(words, streams):
    done = through_a_shell(words, streams)
    assert done.returncode == 2
    assert done.stderr == done.stdout == ""


def test_a_closed_stdout_is_no_fault():
    done = through_a_shell("help", ">&-")
    assert (done.returncode, done.stderr) == (0, "")


@needs_full
def test_a_file_is_not_blamed_for_what_is_said_while_it_is_written(tmp_path, monkeypatch):
    def write() -> None:
        with replacing(tmp_path / "out.csv"):
            say("halfway")

    full = FULL.open("w")
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(UserError, match=r"^stdout couldn't be written"):
        write()
    monkeypatch.undo()
    os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # or closing it would fail too
    full.close()


def test_a_write_without_a_name_is_the_disks_fault(run, monkeypatch):
    def full(_settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphemes.commands.folds.run", full)
    done = run("folds")
    assert done.code == 2
    assert done.err == (
        "graphemes: a file couldn't be written: No space left on device; make room and run again\n"
    )
