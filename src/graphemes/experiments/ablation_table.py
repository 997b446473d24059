"""What an ablation's runs reached: a row a run in Parquet, and what each variation gains.

Scores are of the likeliest class, out of fold, by the kept weights.
"""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from graphemes.evaluation.decide import likeliest
from graphemes.evaluation.metrics import score
from graphemes.evaluation.oof import concatenate, read_oof
from graphemes.experiments.ablation_runs import Run
from graphemes.foundation.files import replacing
from graphemes.foundation.progress import duration
from graphemes.foundation.settings.variations import BASELINE
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
    """The row of a finished run. Raises DataError for a damaged record or table."""
    records = [RunRecord.read(paths.run) for paths in run.folds]
    table = concatenate([read_oof(paths.oof) for paths in run.folds])
    found = score(table.truth, likeliest(table.probabilities))
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
    types = {"seconds": pa.float64(), "commit": pa.string()}  # which may be all null
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items()}
    with replacing(path) as temporary:
        pq.write_table(pa.table(arrays), temporary)


@dataclass(frozen=True)
class Result:
    """One variation over its seeds."""

    variation: str
    rows: list[Row]
    gains: list[float]  # over the baseline's run of the same seed

    @property
    def score(self) -> float:
        """The mean over seeds."""
        return self.mean("score")

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds; None of one."""
        return _deviation([row.score for row in self.rows])

    @property
    def gain(self) -> float | None:
        """The mean over the seeds that the baseline has too; None where there is none."""
        return statistics.fmean(self.gains) if self.gains else None

    @property
    def error(self) -> float | None:
        """The standard error of the gain; None of one seed."""
        spread = _deviation(self.gains)
        return None if spread is None else spread / math.sqrt(len(self.gains))

    def mean(self, name: str) -> float:
        """The mean of a column over seeds."""
        return statistics.fmean(asdict(row)[name] for row in self.rows)


def _deviation(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def compare(rows: Sequence[Row]) -> list[Result]:
    """A result a variation, in the order in which they come first; the baseline's gains are none.

    Runs are paired by seed: what a seed does to both is no gain.
    """
    base = {row.seed: row.score for row in rows if row.variation == BASELINE}
    results = []
    for variation in dict.fromkeys(row.variation for row in rows):
        own = [row for row in rows if row.variation == variation]
        paired = [row for row in own if row.seed in base and variation != BASELINE]
        gains = [row.score - base[row.seed] for row in paired]
        results.append(Result(variation, own, gains))
    return results


def table_lines(results: Sequence[Result]) -> list[str]:
    """A line a variation: n, score, gain, recalls, what it cost; its name last, as it is long."""
    head = (
        f"{'n':>3}  {'score':<17}{'gain':<18}{'root':<7}{'vowel':<7}{'conson.':<8}{'passes':>10}"
        f"{'train':>9}  variation"
    )
    return [head, *map(_line, results)]


def _line(result: Result) -> str:
    gain = "" if result.gain is None else with_spread(result.gain, result.error, "+.4f")
    recalls = "".join(
        f"{result.mean(name):<{width}.3f}" for name, width in (("root", 7), ("vowel", 7))
    )
    return (
        f"{len(result.rows):>3}  {with_spread(result.score, result.deviation):<17}{gain:<18}"
        f"{recalls}{result.mean('consonant'):<8.3f}{result.mean('image_passes'):>10,.0f}"
        f"{duration(result.mean('train_seconds')):>9}  {result.variation}"
    )


def with_spread(value: float, spread: float | None, form: str = ".4f") -> str:
    """'0.8660 +- 0.0021', or '0.8660' where nothing is known of its spread."""
    return f"{value:{form}}" + ("" if spread is None else f" +- {spread:.4f}")
