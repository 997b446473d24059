"""bench what=soak: whole runs with settings by chance, one after another, for as long as is asked.

They share this process, so that what one leaves behind is seen by the next: memory, open files,
processes, shared memory, half-written files. Each is known by its number: what=soak seed=N begins
with the settings of number N.
"""

import contextlib
import gc
import multiprocessing
import os
import re
import shutil
import statistics
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graphemes.experiments.peak_memory import anonymous_memory
from graphemes.foundation.errors import SettingsError, Stopped, UserError
from graphemes.foundation.files import locked, target_of, write_json
from graphemes.foundation.layout import ROOT, Layout
from graphemes.foundation.machine import SHARED_MEMORY, machine_name
from graphemes.foundation.progress import counted, duration, say, silence
from graphemes.foundation.seeds import SOAK
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.foundation.settings.words import read_words
from graphemes.foundation.versions import commit
from graphemes.pipeline.whole_run import train_run
from graphemes.pipeline.workspace import find_workspace
from graphemes.synthesis.demo import make_demo

MINUTES = 60.0
IMAGES, TESTS = 240, 8
CHANGED = 8  # settings of a run, of those below
GROWTH = 0.3  # GB that memory may grow between the second quarter of the runs and the last
ALWAYS = {
    "widths": "8,16,32,64",
    "image_size": "24",
    "epochs": "3",  # in fewer, patience ends nothing
    "rotate": "10",  # or strength might be of nothing
    "batch_size": "16",
    "folds": "3",
}
CHOICES: dict[str, list[str]] = {
    "trunk": ["resnet18", "resnet34"],
    "fold": ["0", "0,2", "none"],
    "image_size": ["16", "24x32", "33", "48"],
    "image_sizes": ["16,32"],
    "crop": ["ink", "none"],
    "workers": ["0", "1", "2"],
    "augment": ["cpu", "device"],
    "stem": ["7x7", "3x3", "3x3s1", "deep"],
    "stem_pool": ["true", "false"],
    "attention": ["none", "se", "scse", "cbam"],
    "pool": ["avg", "gem", "max", "avgmax"],
    "neck": ["0", "24"],
    "dropout": ["0", "0.3"],
    "drop_path": ["0", "0.2"],
    "grapheme_head": ["true"],
    "optimiser": ["adamw", "muon", "sgd"],
    "schedule": ["onecycle", "cosine"],
    "cycles": ["1", "2"],
    "ema": ["0", "0.9"],
    "swa": ["0", "2"],
    "patience": ["0", "1"],
    "accumulate": ["1", "2"],
    "checkpointing": ["true", "false"],
    "mix": ["none", "cutmix", "mixup", "fmix", "resizemix", "any"],
    "mix_share": ["0.5", "1"],
    "loss": ["cross_entropy", "focal", "balanced", "adjusted"],
    "smoothing": ["0", "0.1"],
    "hard_examples": ["0.5"],
    "erase": ["0.5"],
    "elastic": ["0.5"],
    "grid": ["0.5"],
    "thickness": ["0.5"],
    "blur": ["0.5"],
    "strength": ["0.5", "1.5"],
    "tta": ["none", "shifts", "scales"],
    "decide": ["auto", "argmax", "prior"],
    "limit": ["40", "150"],
    "seed": ["0", "1", "2"],
    "checkpoint_minutes": ["0", "10"],
    "time_limit": ["1s", "3s", "1h"],
    "predict_anyway": ["true"],
    "report": ["false"],
}


@dataclass
class Outcome:
    """What one run did, and what there was behind it."""

    number: int
    words: list[str]
    seconds: float
    fault: str | None  # a sentence, or a traceback; None of one that ended well
    memory: float  # GB that no file backs
    files: int  # open in this process
    processes: int  # started by it and still there
    shared: int  # entries of /dev/shm
    temporaries: int  # half-written files


def soak(settings: BenchSettings) -> None:
    """Run until the minutes are over or SIGTERM comes; print counts and growth, write soak.json.

    Raises UserError at the end if a run failed or left something behind.
    """
    place = find_workspace(settings).layout.work_dir / "data" / "bench"
    until = time.monotonic() + 60 * (settings.minutes or MINUTES)
    busy = f"{place}: another bench measures here; wait for its end"
    with locked(place / ".lock", busy=busy):
        data, work = place / "soak-images", place / "soak-work"
        make_demo(data, images=IMAGES, tests=TESTS, shards=2, replace=True)
        outcomes: list[Outcome] = []
        spoken = time.monotonic()
        while time.monotonic() < until:
            number = settings.seed + len(outcomes)
            try:
                outcomes.append(_one(number, data, work))
            except Stopped:
                shutil.rmtree(work, ignore_errors=True)
                say(f"soak {number}: stopped, and not counted")
                break
            if outcomes[-1].fault:
                say(f"soak {number}: {' '.join(outcomes[-1].words)}: {outcomes[-1].fault}")
            if time.monotonic() - spoken > 60:
                spoken = time.monotonic()
                left = duration(max(0.0, until - spoken))
                say(f"soak: {counted(len(outcomes), 'run')}, {left} left")
        _conclude(place / "soak.json", outcomes)


def random_words(number: int) -> list[str]:
    """The settings of one run, as words; such as no rule of theirs refuses together."""
    for attempt in range(1000):
        chance = SOAK.stream(number, attempt)
        keys = chance.choice(sorted(CHOICES), CHANGED, replace=False).tolist()
        chosen = ALWAYS | {key: str(chance.choice(CHOICES[key])) for key in keys}
        words = [f"{key}={value}" for key, value in chosen.items()]
        with contextlib.suppress(SettingsError):
            settings = read_words(TrainSettings, words)
            if settings.fold != "none" or settings.decide in ("auto", "argmax"):
                return words  # the others ask for a rule that of every row none is fitted for
    raise AssertionError("no settings are taken")


def _one(number: int, data: Path, work: Path) -> Outcome:
    """One run to its end: what a time limit stops goes on without it. Raises Stopped by SIGTERM."""
    words = random_words(number)
    shutil.rmtree(work, ignore_errors=True)
    asked = [*words, f"data_dir={data}", f"work_dir={work}", "device=cpu"]
    started, fault = time.monotonic(), None
    try:
        with silence():
            try:
                train_run(read_words(TrainSettings, asked))
            except Stopped as stop:
                if stop.signalled:
                    raise
                rest = [word for word in asked if not word.startswith("time_limit=")]
                train_run(read_words(TrainSettings, rest))
    except UserError as error:
        fault = str(error)
    except Exception:  # noqa: BLE001  # what it finds is what it is for
        fault = traceback.format_exc()
    gc.collect()
    left = sum(target_of(path) is not None for path in work.rglob("*"))
    outcome = Outcome(number, words, time.monotonic() - started, fault, *_here(), left)
    made = Layout(work).submission.is_file()
    if fault is None and not made:
        outcome.fault = "ended well without a submission"
    shutil.rmtree(work, ignore_errors=True)
    return outcome


def _here() -> tuple[float, int, int, int]:
    """Memory, open files, processes, shared memory; 0 where the system doesn't tell."""
    files = shared = 0
    with contextlib.suppress(OSError):
        files = len(os.listdir("/proc/self/fd"))
        shared = sum(map(_is_left, os.listdir(SHARED_MEMORY)))
    memory = (anonymous_memory() or 0) / 1e9
    return memory, files, len(multiprocessing.active_children()), shared


def _is_left(name: str) -> bool:
    """Whether an entry of shared memory may be ours: torch's have the number of who made them."""
    made_by = re.match(r"torch_(\d+)_", name)
    if made_by is None or int(made_by[1]) == os.getpid():
        return True
    return not Path("/proc", made_by[1]).exists()  # somebody else at work, in another run


def _conclude(path: Path, outcomes: list[Outcome]) -> None:
    failed = [one for one in outcomes if one.fault]
    growth = {name: _growth(outcomes, name) for name in ("memory", "files", "processes", "shared")}
    left = sum(one.temporaries for one in outcomes)
    report: dict[str, Any] = {
        "commit": commit(ROOT),
        "machine": machine_name(),
        "runs": len(outcomes),
        "failed": len(failed),
        "growth": growth,
        "temporaries": left,
        "outcomes": [asdict(one) for one in outcomes],
    }
    write_json(path, report)
    seconds = sum(one.seconds for one in outcomes)
    say(f"soak: {counted(len(outcomes), 'run')} in {duration(seconds)}, {len(failed)} failed")
    say(
        f"from the second quarter of them to the last: memory {growth['memory']:+.3f} GB, open"
        f" files {growth['files']:+g}, processes {growth['processes']:+g}, shared memory"
        f" {growth['shared']:+g}; {left} half-written files"
    )
    say(f"{path}: written")
    leaks = [name for name in ("files", "processes", "shared") if growth[name] > 0]
    leaks += ["memory"] if growth["memory"] > GROWTH else []
    leaks += ["half-written files"] if left else []
    if failed or leaks:
        told = [f"run {one.number}" for one in failed[:3]] + [f"{name} grew" for name in leaks]
        raise UserError(f"soak: {', '.join(told)}; {path} has each run's words and what it said")


def _growth(outcomes: list[Outcome], name: str) -> float:
    """The median of the last quarter over that of the second; the first warms up. 0 of few."""
    values = [float(getattr(one, name)) for one in outcomes]
    quarter = len(values) // 4
    if not quarter:
        return 0.0
    return statistics.median(values[-quarter:]) - statistics.median(values[quarter : 2 * quarter])
