"""Whatever write fails, a run ends in a sentence, leaves whole files, and does the rest when asked.

The whole story is run: decoding, folds, states, best weights, log, curves, tables, rules, scores,
submission.
"""

import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from conftest import REPOSITORY
from graphemes.competition import writing
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.files import target_of
from graphemes.images.scan_facts import read_facts
from test_kill import TINY, files, need_the_same, read
from worlds import named, random_pixels, shard_table, write_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")

IMAGES, TESTS = 48, 4
# An epoch is a step; adamw doesn't need timm, which takes long to read.
SETTINGS = {**TINY, "workers": 0, "batch_size": 64, "optimiser": "adamw"}
ERRNOS = (errno.ENOSPC, errno.EIO, errno.EACCES)
KILLING = ("before", "after")
Fault = dict[str, Any]


@dataclass(frozen=True)
class Attempt:
    """What became of a command line in which an operation failed."""

    code: int | None  # None: killed
    out: str
    err: str
    hit: str | None  # the path of what failed to become; None where nothing failed
    counts: dict[str, int] = field(default_factory=dict)  # of each operation
    made: list[list[str]] = field(default_factory=list)  # [operation, path], in order


class Driver:
    """tests/faulting.py at work, and the settings of all its runs."""

    def __init__(self, data: Path, out: Path, prefix: Sequence[str] = ()) -> None:
        self.data, self.out = data, out
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-P", str(REPOSITORY / "tests" / "faulting.py")],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def attempt(
        self, work: Path, fault: Fault | None = None, *, command: str = "train", **settings: object
    ) -> Attempt:
        """One command into `work`, as it went."""
        own = (
            {"data_dir": self.data, "work_dir": work} if command != "score" else {"work_dir": work}
        )
        asked = {**(SETTINGS if command == "train" else {}), **settings, **own}
        words = [command, *(f"{key}={value}" for key, value in asked.items())]
        line = json.dumps({"words": words, "fault": fault, "root": str(work)})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return Attempt(**json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()

    def finished(self, work: Path, **settings: object) -> Attempt:
        """A run in which nothing fails."""
        done = self.attempt(work, **settings)
        assert (done.code, done.err) == (0, "")
        return done


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator[Driver]:
    data = tmp_path_factory.mktemp("data")
    writing.write_train_csv(data / "train.csv", competition_graphemes()[:IMAGES])
    writing.write_test_csv(data / "test.csv", TESTS)
    writing.write_sample_submission(data / "sample_submission.csv", TESTS)
    for kind, rows in (("Train", IMAGES), ("Test", TESTS)):
        table = shard_table(named(rows, part=kind), random_pixels(rows))
        write_table(data / f"{kind.lower()}_image_data_0.feather", table)
    driver = Driver(data, tmp_path_factory.mktemp("out"))
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def whole(driver) -> tuple[Path, Attempt]:
    """A run without faults, and what it did."""
    work = driver.out / "whole"
    return work, driver.finished(work)


READERS: dict[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_text()),
    ".jsonl": lambda path: [json.loads(line) for line in path.read_text().splitlines()],
    ".csv": lambda path: pd.read_csv(path).isna().to_numpy().any() and 1 / 0,
    ".parquet": pq.read_table,
    ".safetensors": load_file,
    ".pt": lambda path: torch.load(path, weights_only=True),
    ".png": lambda path: cv2.imread(str(path)).shape,
    ".npy": lambda path: np.load(path).reshape(IMAGES, 137, 236),
    ".facts": lambda path: read_facts(path).reshape(IMAGES),
    ".ids": lambda path: path.read_text().split("\n") == named(IMAGES) or 1 / 0,
    ".lock": lambda path: path.read_text() == "" or 1 / 0,
}
# What a run with overwrite=true replaces at its end; its folds go when it comes to them.
STANDING = (
    "folds/folds.csv",
    "folds/decisions.json",
    "folds/scores.json",
    "submissions/submission.csv",
    "submissions/probabilities.parquet",
)
LINES = {"folds.csv": IMAGES + 1, "submission.csv": 3 * TESTS + 1}


def need_whole_files(work: Path) -> None:
    """Nothing half-written has a name of its own, and nothing that was begun lies about."""
    for name in files(work):
        path = work / name
        assert target_of(path) is None, f"{path} is left over"
        READERS[path.suffix if path.suffix else path.name](path)
        if path.name in LINES:
            assert path.read_text().count("\n") == LINES[path.name]


def need_a_sentence(got: Attempt, what: str) -> None:
    """Exit code 2 and one line."""
    assert got.code == 2, f"{what}: {got.code} {got.err}"
    assert got.err.count("\n") == 1, got.err
    assert got.err.startswith("graphemes: ")


def need_a_named_file(got: Attempt, what: str) -> None:
    """The line says what couldn't be written, or where a file without a name couldn't.

    Of a lock its folder: who reads it knows nothing of locks.
    """
    need_a_sentence(got, what)
    assert got.hit is not None, f"{what}: nothing failed"
    named = os.path.dirname(got.hit) if got.hit.endswith("lock") else got.hit
    assert re.search(re.escape(named) + r"[:/]", got.err), f"{what}: {got.err}"


def paths_of(operation: str, done: Attempt, work: Path) -> list[str]:
    """What a run does that to, each once, in order; below the work directory."""
    made = (path for kind, path in done.made if kind == operation)
    inside = (os.path.relpath(path, work) for path in made)
    return list(dict.fromkeys("" if path == "." else path for path in inside))


def chain(driver: Driver, name: str, faults: list[tuple[str, str]], whole: Path) -> None:
    """A run in which these fail in turn, each (operation, pattern) when it first comes to it."""
    work = driver.out / name
    for number, (operation, path) in enumerate(faults):
        pattern = f"^{re.escape(str(work))}/?{path}$"
        fault = {"operation": operation, "path": pattern, "errno": ERRNOS[number % len(ERRNOS)]}
        got = driver.attempt(work, fault)
        need_a_named_file(got, f"{operation} {path}")
        if work.exists():
            need_whole_files(work)
    driver.finished(work)
    need_the_same(work, whole)
    shutil.rmtree(work)


# One of each kind of operation, and of each kind of writer: numpy's map, torch, safetensors, text.
SOME = [
    ("short", r"data/cache/.*\.npy"),
    ("replace", r"folds/folds\.csv"),
    ("open", r"folds/fold0/state/last\.pt"),
    ("fsync", r"folds/fold0/weights\.safetensors"),
    ("mkdir", r"submissions"),
]


@pytest.mark.slow  # as each attempt is a run
def test_a_run_whose_writes_fail_again_and_again_comes_to_the_same_end(driver, whole):
    need_whole_files(whole[0])
    chain(driver, "some", SOME, whole[0])


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["open", "mkdir", "short"])
def test_each_file_is_refused_once(driver, whole, operation):
    """In one run. Files without a name lie in folders: who can't make one there uses memory."""
    work, done = whole
    faults = [
        (operation, re.escape(path))
        for path in paths_of(operation, done, work)
        if operation == "mkdir" or not (work / path).is_dir()
    ]
    assert len(faults) >= 7
    chain(driver, f"chain-{operation}", faults, work)


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["replace", "fsync", "before", "after"])
def test_each_operation_of_a_run_fails_once(driver, whole, operation):
    """In a run of its own each: the k-th of a fresh work directory."""
    count = whole[1].counts[operation]
    assert count >= 20
    for number in range(1, count + 1):
        work = driver.out / f"{operation}{number}"
        wrong = ERRNOS[number % len(ERRNOS)]
        got = driver.attempt(work, {"operation": operation, "number": number, "errno": wrong})
        if operation in KILLING:
            assert got.code is None
        else:
            need_a_named_file(got, f"{operation} {number}")
            need_whole_files(work)
        driver.finished(work)
        need_the_same(work, whole[0])
        shutil.rmtree(work)


@pytest.mark.slow
def test_a_disk_that_stays_full_is_one_line(driver, whole):
    """From the k-th write on none gets more than a few bytes."""
    for number in random.Random(3).sample(range(1, whole[1].counts["short"] + 1), 8):
        work = driver.out / f"full{number}"
        fault = {"operation": "short", "number": number, "forever": True, "errno": errno.ENOSPC}
        need_a_named_file(driver.attempt(work, fault), f"full from {number} on")
        need_whole_files(work)
        driver.finished(work)
        need_the_same(work, whole[0])
        shutil.rmtree(work)


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["replace", "short", "after"])
def test_what_stood_there_is_old_or_new(driver, whole, operation):
    """A run with overwrite=true fails over the results of another."""
    asked = {"lr": 0.02, "overwrite": "true"}
    other = shutil.copytree(whole[0], driver.out / f"other-{operation}")
    done = driver.finished(other, **asked)
    need_whole_files(other)
    count = done.counts[operation]
    ends = set(range(count - 3, count + 1))  # of the submission, too
    for number in sorted(ends | set(random.Random(4).sample(range(1, count + 1), 5))):
        work = shutil.copytree(whole[0], driver.out / f"{operation}-over{number}")
        fault = {"operation": operation, "number": number, "errno": errno.ENOSPC}
        got = driver.attempt(work, fault, **asked)
        if operation == "after":
            assert got.code is None
        else:
            need_a_named_file(got, f"{operation} {number}")
            need_whole_files(work)
        for name in STANDING:
            now, *known = (read(place / name, place) for place in (work, whole[0], other))
            assert now in known, f"{operation} {number}: {name} is neither old nor new"
        driver.finished(work, **asked)
        need_the_same(work, other)
        shutil.rmtree(work)


@pytest.mark.slow
def test_a_store_that_was_there_already_gives_the_same_weights(driver, whole):
    """The whole run made its store; this one finds it."""
    work = driver.out / "warm"
    shutil.copytree(whole[0] / "data", work / "data")
    done = driver.finished(work)
    stores = [{path for _, path in run.made if ".npy" in path} for run in (whole[1], done)]
    assert stores[0]
    assert not stores[1]
    need_the_same(work, whole[0])
    shutil.rmtree(work)


@pytest.mark.slow
def test_a_work_directory_that_is_removed_meanwhile_is_a_sentence(driver, whole):
    """Whoever is at work notices by what should be there, and the same command does it all."""
    replaced = [path for kind, path in whole[1].made if kind == "gone"]
    first = next(number for number, path in enumerate(replaced, 1) if "/fold0/" in path)
    for number in range(first, len(replaced)):
        work = driver.out / f"gone{number}"
        got = driver.attempt(work, {"operation": "gone", "number": number})
        assert got.hit is not None
        need_a_sentence(got, f"gone {number}")
        if work.exists():
            need_whole_files(work)
        driver.finished(work)
        need_the_same(work, whole[0])
        shutil.rmtree(work)
