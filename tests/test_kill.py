"""Killed at any moment, a run goes on to the same bits, and leaves nothing lying about."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from conftest import REPOSITORY

TINY = {
    "trunk": "resnet18",
    "widths": "8,16,32,64",
    "dropout": 0.2,  # what a network draws itself has to go on, too
    "drop_path": 0.1,
    "image_size": 32,
    "batch_size": 16,
    "epochs": 2,
    "folds": 3,
    "lr": 0.01,
    "tta": "none",
    "decide": "prior",
    "mix": "cutmix",
    "checkpoint_minutes": 0,
    "device": "cpu",
    "precision": "fp32",
    "report": "false",  # its foot has the time
}


def kill(runs: int, out: Path, data: Path, **settings: object) -> list[int]:
    """How often each of so many runs was killed; what they left lies in `out`."""
    words = [f"{key}={value}" for key, value in {**TINY, **settings, "data_dir": data}.items()]
    script = REPOSITORY / "tests" / "killing.py"
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(runs), str(out), *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def files(work: Path) -> set[str]:
    return {str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()}


def untimed(value: object) -> object:
    """A JSON value without what says how long something took."""
    if isinstance(value, dict):
        return {key: untimed(inner) for key, inner in value.items() if "second" not in key}
    return [untimed(inner) for inner in value] if isinstance(value, list) else value


def read(path: Path, work: Path) -> object:
    if path.suffix in (".json", ".jsonl"):
        text = path.read_text().replace(str(work), "WORK")
        lines = text.splitlines() if path.suffix == ".jsonl" else [text]
        return [untimed(json.loads(line)) for line in lines]
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        digests = dict(table.schema.metadata)
        digests.pop(b"graphemes.digest.replaces", None)  # what lay there when it was written
        return digests, table.schema, table.to_pydict()
    return path.read_bytes()


def need_the_same(work: Path, whole: Path) -> None:
    """All files of a run are there, none besides, and each says the same."""
    assert files(work) == files(whole)
    for name in sorted(files(whole)):
        if not name.endswith(".png"):  # curves, which show how long an epoch took
            assert read(work / name, work) == read(whole / name, whole), f"{work / name} differs"


def test_a_killed_run_goes_on_to_the_same_bits(kaggle_like, tmp_path):
    kills = kill(1, tmp_path, kaggle_like, workers=1)
    assert sum(kills) >= 1
    need_the_same(tmp_path / "run0", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_thirty_killed_runs_go_on_to_the_same_bits(kaggle_like, tmp_path, workers):
    """Ten each; decoding, folds, steps, states, tables, rules and submission are all hit."""
    kills = kill(10, tmp_path, kaggle_like, workers=workers)
    assert sum(kills) >= 10
    for number in range(10):
        need_the_same(tmp_path / f"run{number}", tmp_path / "whole")
