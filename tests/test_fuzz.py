"""Damaged files end in a sentence or are read: no reader of binary files fails or dies of one."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import fuzzing
from conftest import REPOSITORY

ROOM = 300e6  # bytes that a file of some kilobytes may take
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="a reader's memory is known on Linux only"
)


def endings(folder: Path, name: str, first: int, last: int) -> Counter[str]:
    """How often damaged files ended how, read in a process that may die of one."""
    paths = os.pathsep.join(str(REPOSITORY / part) for part in ("src", "tests"))
    process = subprocess.run(
        [sys.executable, "-P", fuzzing.__file__, str(folder), name, str(first), str(last)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    assert process.returncode == 0, f"died of {lines[-1:]}: {process.stderr[-2000:]}"
    valid = [line for line in lines if "valid" in line]
    assert {line["ending"] for line in valid} == {"read"}, valid
    ended = [line for line in lines if "ending" in line and "number" in line]
    assert [line for line in ended if line["ending"] not in ("read", "refused")] == []
    assert [line for line in ended if line["bytes"] > ROOM] == []
    return Counter(line["ending"] for line in ended)


@pytest.mark.parametrize(
    ("name", "count"),
    [("parquet", 200), ("feather", 200), ("safetensors", 100), ("pickles", 400), ("tables", 400)],
)
def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path, name, count):
    found = endings(tmp_path, name, 0, count)
    assert found.total() == count
    assert found["read"] > count / 50  # else the damage is too great to reach far
    assert found["refused"] > count / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("parquet", 4000),
        ("feather", 4000),
        ("safetensors", 1000),
        ("pickles", 1000),
        ("tables", 4000),
        ("weights", 1000),
    ],
)
def test_ten_thousand_damaged_files_are_read_or_refused_in_a_sentence(tmp_path, name, count):
    found = endings(tmp_path, name, 1000, 1000 + count)
    print(name, dict(found))
    assert found.total() == count
