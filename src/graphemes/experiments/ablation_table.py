"""What an ablation's runs reached: a row a run in Parquet, and what each variation gains.

Scores are out of fold, by the kept weights: `score` of the likeliest class, `decided` by the rule
that decide=auto takes, nested, and where graphemes are unseen weighted as rules are chosen. The two
may disagree on what is better: smoothing costs the one and gains the other.
"""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from graphemes.evaluation.decide import Argmax, likeliest
from graphemes.evaluation.metrics import score
from graphemes.evaluation.oof import concatenate, read_oof
from graphemes.experiments.ablation_runs import Run
from graphemes.foundation.files import replacing
from graphemes.foundation.progress import duration, silence
from graphemes.foundation.settings.variations import BASELINE
from graphemes.pipeline.decision_fitting import fit_run
from graphemes.pipeline.run_records import RunRecord


@dataclass(frozen=True)
class Row:
    """One run's results, over its folds."""

    run: str  # the name of its folder
    variation: str
    seed: int
    folds: str
    images: int  # judged
    score: float
    root: float
    vowel: float
    consonant: float
    rule: str  # that labels are decided by
    decided: float  # by it, on images that it wasn't fitted on: the score that rules are chosen by
    unseen: float | None  # the same of images whose grapheme is in no training row, if there are
    weighted: float | None  # and of all, the unseen weighing 5.8 %: `decided` where there are any
    last_score: float  # of the last epoch, by the training's own validation
    image_passes: int
    train_seconds: float
    images_per_second: float
    seconds: float | None  # of the whole process, where one call trained it
    commit: str | None
    device: str
    machine: str
    data: str  # digests
    folds_digest: str
    settings: str  # JSON


def result_row(run: Run, seconds: float | None = None) -> Row:
    """The row of a finished run; its decisions.json is written if it isn't there.

    Raises DataError for a damaged record or table.
    """
    records = [RunRecord.read(paths.run) for paths in run.folds]
    table = concatenate([read_oof(paths.oof) for paths in run.folds])
    found = score(table.truth, likeliest(table.probabilities))
    decide = run.settings.decide
    with silence():
        rules = fit_run(run.layout, run.folds, table, decide)
    judged = None if rules is None else rules.row(decide)
    passes = sum(record.image_passes for record in records)
    trained = sum(record.train_seconds for record in records)
    last = records[-1]
    return Row(
        run=run.name,
        variation=run.variation or BASELINE,
        seed=last.seed,
        folds=",".join(record.fold for record in records),
        images=found.n,
        score=found.score,
        **found.recall._asdict(),
        rule=Argmax.name if rules is None else rules.taken(decide).name,
        decided=found.score if judged is None else judged.judged,
        unseen=None if judged is None else judged.unseen,
        weighted=None if judged is None else judged.weighted,
        last_score=statistics.fmean(record.last_score or 0.0 for record in records),
        image_passes=passes,
        train_seconds=trained,
        images_per_second=passes / trained,
        seconds=seconds,
        commit=last.commit,
        device=last.device,
        machine=last.machine,
        data=last.digests["data"],
        folds_digest=last.digests["folds"],
        settings=json.dumps(last.settings),
    )


def read_rows(path: Path) -> list[Row]:
    """The rows of a table of before; none where there is none, or it is of another format."""
    names = [field.name for field in fields(Row)]
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return []
    return [Row(**row) for row in table.to_pylist()] if table.column_names == names else []


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the table, whole or not at all."""
    columns: dict[str, list[Any]] = {
        field.name: [getattr(row, field.name) for row in rows] for field in fields(Row)
    }
    # Of columns that may be all null.
    types = dict.fromkeys(("seconds", "unseen", "weighted"), pa.float64()) | {"commit": pa.string()}
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items()}
    with replacing(path) as temporary:
        pq.write_table(pa.table(arrays), temporary)


@dataclass(frozen=True)
class Measure:
    """One column of a variation's rows, over its seeds."""

    mean: float
    deviation: float | None  # standard, over seeds; None of one
    gain: float | None  # mean over the seeds that the baseline has too; None where there is none
    error: float | None  # the gain's standard error; None of one seed
    pairs: int  # seeds that the gain is of


@dataclass(frozen=True)
class Result:
    """One variation over its seeds."""

    variation: str
    rows: list[Row]
    base: dict[int, Row]  # the baseline's by seed; none of its own

    def mean(self, name: str) -> float:
        """The mean of a column over seeds."""
        return statistics.fmean(self.values(name))

    def values(self, name: str) -> list[float]:
        """A column by seed."""
        return [getattr(row, name) for row in self.rows]

    def measure(self, name: str) -> Measure:
        """A column with its spread and gain, paired by seed: what a seed does to both is none."""
        gains = [
            getattr(row, name) - getattr(self.base[row.seed], name)
            for row in self.rows
            if row.seed in self.base
        ]
        spread = _deviation(gains)
        return Measure(
            self.mean(name),
            _deviation(self.values(name)),
            statistics.fmean(gains) if gains else None,
            None if spread is None else spread / math.sqrt(len(gains)),
            len(gains),
        )


def _deviation(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def compare(rows: Sequence[Row]) -> list[Result]:
    """A result a variation, in the order in which they come; the baseline's gains are none."""
    base = {row.seed: row for row in rows if row.variation == BASELINE}
    return [
        Result(
            variation,
            [row for row in rows if row.variation == variation],
            {} if variation == BASELINE else base,
        )
        for variation in dict.fromkeys(row.variation for row in rows)
    ]


def table_lines(results: Sequence[Result]) -> list[str]:
    """A line a variation: n, scores, gains, what it cost; its name last, as it is long."""
    head = (
        f"{'n':>3}  {'decided':<17}{'gain':<18}{'argmax':<17}{'gain':<18}{'passes':>10}{'train':>9}"
        "  variation"
    )
    return [head, *map(_line, results)]


def _line(result: Result) -> str:
    scores = ""
    for name in ("decided", "score"):
        found = result.measure(name)
        gain = "" if found.gain is None else with_spread(found.gain, found.error, "+.4f")
        scores += f"{with_spread(found.mean, found.deviation):<17}{gain:<18}"
    return (
        f"{len(result.rows):>3}  {scores}{result.mean('image_passes'):>10,.0f}"
        f"{duration(result.mean('train_seconds')):>9}  {result.variation}"
    )


def with_spread(value: float, spread: float | None, form: str = ".4f") -> str:
    """'0.8660 +- 0.0021', or '0.8660' where nothing is known of its spread."""
    return f"{value:{form}}" + ("" if spread is None else f" +- {spread:.4f}")
