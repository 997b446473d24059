"""bench what=starts: seconds from typing a command to its end, where it has little to do."""

import functools
from pathlib import Path

import numpy as np

from graphemes.competition.labels import label_columns, read_labels
from graphemes.evaluation.oof import OofTable, write_oof
from graphemes.experiments.bench_run import Bench, Findings, scratch
from graphemes.experiments.command_processes import Ended, run_command
from graphemes.experiments.predict_speed import predict_words
from graphemes.experiments.timings import Figure, Mark, alternating
from graphemes.foundation.heads import HEADS

_FEW = 12  # test images: as many as the competition shows
_PREDICT = Mark(6.0, "most")  # seconds, issue 16's
_REFUSED = 2  # the exit code of what the user can mend


def measure_starts(bench: Bench) -> Findings:
    """Seconds of each command in fresh processes, and which heavy modules it imported."""
    place = scratch(bench, "starts")
    lines = _lines(bench, place)
    ended: dict[str, Ended] = {}

    def run(name: str) -> float:
        ended[name] = one = run_command(lines[name], place)
        wanted = _REFUSED if "refused" in name else 0
        if one.code != wanted:
            raise RuntimeError(f"{name} ended with {one.code}, expected {wanted}: {one.said}")
        return one.seconds

    ways = {name: functools.partial(run, name) for name in lines}
    found = alternating(ways, bench.settings.repeats, bench.until)
    figures = []
    for name, seconds in found.items():
        loaded = ", ".join(ended[name].loaded) or "none of the heavy modules"
        mark = _PREDICT if name.startswith("predict") else None
        figures.append(Figure(name, "s", seconds, mark=mark, about=f"imports {loaded}"))
    return Findings(figures)


def _lines(bench: Bench, place: Path) -> dict[str, list[str]]:
    """The command lines, by what they are called in the table."""
    size = bench.settings.sizes[0]
    tests = min(_FEW, bench.rows)
    rows = max(_FEW, bench.rows // 8)
    predict = {**predict_words(bench, size, tests), "overwrite": "true"}
    data, work = f"data_dir={bench.data.training(rows)}", f"work_dir={place}"
    device = f"device={bench.settings.device}"
    table = _oof(bench.data.training(rows), place / "oof.parquet")
    return {
        "help": ["help"],
        "version": ["version"],
        "doctor": ["doctor", data, work, device],
        "folds": ["folds", data, work, "overwrite=true"],
        "score": ["score", f"oof={table}", work, device],
        f"predict, {tests} images": [
            "predict",
            *(f"{key}={value}" for key, value in predict.items()),
        ],
        "train, refused": ["train", data, work, device, "fold=7", "folds=5"],
        "train, refused late": ["train", data, work, device, f"exclude={place / 'nowhere'}"],
    }


def _oof(directory: Path, path: Path) -> Path:
    """An out-of-fold table of a network that knows nothing."""
    labels = read_labels(directory / "train.csv")
    count = len(labels)
    table = OofTable(
        image_ids=list(labels["image_id"]),
        folds=np.zeros(count, np.int64),
        truth=label_columns(labels),
        probabilities=HEADS.map(
            lambda head: np.full((count, head.classes), 1 / head.classes, np.float32)
        ),
        digests={"data": "bench", "folds": "bench"},
    )
    write_oof(path, table)
    return path
