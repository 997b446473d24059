"""The parts of bench, one after the other: what one fails with, the others don't lose."""

import sys
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from graphemes.experiments.bench_data import BenchData
from graphemes.experiments.bench_picture import draw_bench
from graphemes.experiments.bench_report import (
    Report,
    begin_report,
    failed_record,
    marks_line,
    part_record,
    table_lines,
)
from graphemes.experiments.bench_run import Bench, Findings
from graphemes.experiments.decode_speed import measure_decoding
from graphemes.experiments.loader_speed import measure_loader
from graphemes.experiments.predict_speed import measure_predict
from graphemes.experiments.scale_table import measure_scale
from graphemes.experiments.serve_speed import measure_serve
from graphemes.experiments.stage_memory import measure_memory
from graphemes.experiments.start_speed import measure_starts
from graphemes.experiments.step_ways import measure_step
from graphemes.experiments.store_speed import measure_store
from graphemes.experiments.train_speed import measure_train
from graphemes.foundation.errors import UserError, one_line
from graphemes.foundation.files import locked, write_json
from graphemes.foundation.progress import counted, duration, say
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import find_workspace


class Part(NamedTuple):
    """One thing that bench measures."""

    measure: Callable[[Bench], Findings]
    seconds: float  # after which it begins no further round; on two cores it needs about so many


PARTS = {
    "decode": Part(measure_decoding, 130),
    "store": Part(measure_store, 50),
    "step": Part(measure_step, 300),
    "loader": Part(measure_loader, 90),
    "train": Part(measure_train, 210),
    "predict": Part(measure_predict, 190),
    "scale": Part(measure_scale, 100),
    "starts": Part(measure_starts, 80),
    "memory": Part(measure_memory, 50),
    "serve": Part(measure_serve, 60),
}
ROWS = 12_000  # where rows= says nothing


def run_bench(settings: BenchSettings) -> None:
    """Measure what is asked for, leave bench.json and bench.png, print the table.

    Raises UserError at the end if a part failed.
    """
    names: list[str] = [*PARTS] if settings.what == "all" else [settings.what]
    bench = open_bench(settings)
    place = bench.data.place
    with locked(place / ".lock", busy=f"{place}: another bench measures here; wait for its end"):
        try:
            _run(bench, names)
        finally:  # also where it is stopped on the way
            bench.data.clear_results()


def _run(bench: Bench, names: list[str]) -> None:
    place = bench.data.place
    report = begin_report(place / "bench.json", bench)
    seconds = _seconds(bench.settings, names)
    total = duration(sum(seconds.values()))
    say(f"bench: {', '.join(names)}: about {total} on two cores, on {_where(report)}")
    failed = []
    for number, name in enumerate(names, 1):
        say(f"bench {name} ({number} of {len(names)}, about {duration(seconds[name])})")
        part = _measured(name, bench.limited(seconds[name]), report)
        report["parts"][name] = part
        write_json(place / "bench.json", report)  # at once: the next may end badly
        if part["error"]:
            failed.append(f"{name} ({part['error']})")
        for line in table_lines(name, part):
            say(line)
    draw_bench(place / "bench.png", report)
    say(marks_line(report, names))
    say(f"{place / 'bench.json'}, {place / 'bench.png'}: written")
    if failed:
        parts = counted(len(failed), "part")
        raise UserError(
            f"bench: {parts} of {len(names)} failed: {'; '.join(failed)};"
            " the others' figures are written; mend it and measure that with what=NAME"
        )


def _seconds(settings: BenchSettings, names: list[str]) -> dict[str, float]:
    """After how many seconds each part begins no further round: minutes= shared out."""
    seconds = {name: PARTS[name].seconds for name in names}
    share = 60 * settings.minutes / sum(seconds.values()) if settings.minutes else 1.0
    return {name: share * own for name, own in seconds.items()}


def open_bench(settings: BenchSettings) -> Bench:
    """The images, the device and the number of rows, with a word where images are repeated."""
    workspace = find_workspace(settings)
    workspace.draw_demo()
    data = BenchData(workspace.layout.work_dir / "data" / "bench", open_training_data(workspace))
    there = len(data.data.rows)
    rows = settings.rows or min(ROWS, there)
    if data.repeated(rows):
        say(f"rows={rows:,}: there are {there:,} labelled images, so they are repeated")
    return Bench(settings, workspace.engine, data, rows)


def _where(report: Report) -> str:
    machine = report["machine"]
    return f"{machine['name']}, {machine['device']}, commit {report['commit'] or 'unknown'}"


def _measured(name: str, bench: Bench, report: Report) -> Report:
    """A part's record, also where it failed."""
    started = time.monotonic()
    try:
        found = PARTS[name].measure(bench)
    except UserError as error:
        return failed_record(report["parts"].get(name), one_line(error))
    except Exception as error:  # noqa: BLE001  # whatever it is, the other parts are measured
        traceback.print_exc(file=sys.stderr)
        text = f"{type(error).__name__}: {one_line(error)}"
        return failed_record(report["parts"].get(name), text)
    return part_record(bench, found, time.monotonic() - started)
