"""ablate: its runs one after the other, each in a process of its own; what is trained is kept."""

import time
from collections.abc import Iterable, Sequence

from graphemes.evaluation.decide import Argmax
from graphemes.evaluation.decision_report import why_won
from graphemes.evaluation.winners import LEAST
from graphemes.experiments.ablation_picture import draw_ablation
from graphemes.experiments.ablation_process import train_apart
from graphemes.experiments.ablation_runs import Ablation, Run, plan_ablation
from graphemes.experiments.ablation_table import (
    Row,
    compare,
    read_rows,
    result_row,
    table_lines,
    write_rows,
)
from graphemes.foundation.errors import UserError
from graphemes.foundation.progress import counted, duration, say
from graphemes.foundation.settings.commands import AblateSettings
from graphemes.foundation.settings.variations import BASELINE


class Results:
    """What is known of the runs so far, on disk after each of them."""

    def __init__(self, ablation: Ablation) -> None:
        self.path = ablation.layout.ablation
        self.order = [run.name for run in ablation.runs]
        before = read_rows(self.path)
        self.seconds = {row.run: row.seconds for row in before if row.seconds is not None}
        self.others = [row for row in before if row.run not in self.order]
        self.rows = [
            result_row(run, self.seconds.get(run.name)) for run in ablation.runs if run.finished
        ]
        self.took = {
            (row.variation, row.run): row.seconds or row.train_seconds for row in self.rows
        }

    def expected(self, run: Run) -> float:
        """Seconds a run will take: the most that one of its kind took, else any; 0: unknown."""
        kind = run.variation or BASELINE
        own = [took for (variation, _), took in self.took.items() if variation == kind]
        return max(own or self.took.values(), default=0.0)

    def add(self, run: Run, seconds: float | None) -> None:
        """A run that has just ended; the seconds of its process if one trained all of it."""
        row = result_row(run, seconds)
        self.rows = sorted([*self.rows, row], key=lambda one: self.order.index(one.run))
        self.took[row.variation, row.run] = seconds or row.train_seconds
        self.write()

    def write(self) -> None:
        """The table of all runs, those of earlier calls too, and the picture of this call's."""
        write_rows(self.path, [*self.others, *self.rows])
        draw_ablation(self.path.with_suffix(".png"), compare(self.rows), _title(self.rows))


def run_ablation(settings: AblateSettings) -> None:
    """Train what isn't trained yet, as far as the minutes go; print and write what is known.

    Raises UserError at the end if a run failed; the others are done all the same.
    """
    started = time.monotonic()
    ends = None if settings.minutes is None else started + 60 * settings.minutes
    ablation = plan_ablation(settings)
    ablation.folds.write()
    results = Results(ablation)
    left = [run for run in ablation.runs if not run.finished]
    say(
        f"ablate: {counted(len(ablation.runs), 'run')}, {len(results.rows)} of them finished before"
    )
    if settings.keep:
        _say_gone([run for run in ablation.runs if run.finished and not run.has_weights])
    failed: dict[str, str] = {}
    while left and not _waits(left[0], results, started, ends):
        run = left.pop(0)
        say(f"ablate: {run.name}, {len(left)} after it")
        try:
            whole, seconds = _train(run, ends)
        except UserError as error:
            say(f"{run.name}: FAILED: {error}")
            failed[run.name] = str(error)
            continue
        if not whole:
            left.insert(0, run)
            break
        results.add(run, seconds)
        if not settings.keep:
            run.drop_weights()
    _tell(results)
    if left:
        _say_left(left, results, settings.minutes)
    if failed:
        told = "; ".join(f"{name} ({text})" for name, text in failed.items())
        raise UserError(f"{len(failed)} of {len(ablation.runs)} runs failed: {told}")


def _waits(run: Run, results: Results, started: float, ends: float | None) -> bool:
    """Whether a run is left to another call: it wouldn't end in time.

    One that has begun goes on; one that no call of so many minutes would end begins, and so does
    one of whose length nobody knows. All stop in time, after a step.
    """
    if ends is None:
        return False
    seconds = results.expected(run)
    if run.begun or seconds > ends - started:
        seconds = 0.0
    return time.monotonic() + seconds > ends


def _train(run: Run, ends: float | None) -> tuple[bool, float | None]:
    """Train what a run lacks; whether that is all, and the seconds of its process if it is whole.

    Raises UserError.
    """
    started, resumed = time.monotonic(), run.begun
    run.make_way()
    whole = train_apart(run.missing, ends)
    return whole, None if resumed else time.monotonic() - started


def _tell(results: Results) -> None:
    if not results.rows:
        return
    results.write()
    for line in table_lines(compare(results.rows)):
        say(line)
    say("gain: over the baseline's runs of the same seeds, +- its standard error")
    if len({row.images for row in results.rows}) > 1:  # limit, exclude
        say(
            "WARNING: they are judged on different images, so what they gain is no more than a hint"
        )
    if mixed := [name for name in ("commit", "device", "machine") if len(_of(name, results)) > 1]:
        say(
            f"WARNING: they were trained by more than one {' and '.join(mixed)}; what that does is"
            " in the gains too"
        )
    few = {row.images for row in results.rows if row.images < LEAST}
    if few and {row.rule for row in results.rows} == {Argmax.name}:
        say(f"decided is argmax: {why_won(Argmax.name, max(few))}")
    say(f"{results.path}: written, and the picture beside it")


def _say_gone(runs: Sequence[Run]) -> None:
    if runs:
        say(
            f"keep=true: {counted(len(runs), 'finished run')} had no keep=true, so the weights are"
            f" gone; delete a run's folder to train it again, as {runs[0].layout.run_dir}"
        )


def _say_left(left: Sequence[Run], results: Results, minutes: float | None) -> None:
    seconds = sum(results.expected(run) for run in left)
    about = f", about {duration(seconds)}" if seconds else ""
    say(
        f"minutes={minutes:g}: {counted(len(left), 'run')} left{about}, next {left[0].name}; the"
        " same command goes on with them"
    )


def _of(name: str, results: Results) -> set[str]:
    return {getattr(row, name) for row in results.rows}


def _title(rows: Sequence[Row]) -> str:
    """What all rows share; where they don't, each of their values."""

    def each(values: Iterable[str]) -> str:
        return " and ".join(dict.fromkeys(values))

    images = each(f"{row.images:,}" for row in rows)
    commits = each((row.commit or "unknown")[:12] for row in rows)
    folds, devices = each(row.folds for row in rows), each(row.device for row in rows)
    return f"fold {folds}, {images} images judged, {devices}, commit {commits}"
