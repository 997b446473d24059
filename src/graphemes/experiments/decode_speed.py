"""bench what=decode: how fast a shard is decoded here, and in how much memory, against pandas."""

import functools
import importlib.util
from pathlib import Path

from graphemes.experiments.bench_data import SHARD_ROWS
from graphemes.experiments.bench_run import Bench, Findings
from graphemes.experiments.decodings import ARROW, DECODED, DECODINGS, PANDAS, POLARS, STORE
from graphemes.experiments.peak_memory import peak_anonymous_memory
from graphemes.experiments.timings import Figure, Mark, alternating, ratios

_FASTER, _SMALLER = Mark(1.7), Mark(1 / 3, "most")  # issue 16's, against pandas
_OURS = (DECODED, STORE)


def measure_decoding(bench: Bench) -> Findings:
    """Images a second and peak memory of each way; every timing in a fresh process."""
    rows = min(bench.rows, SHARD_ROWS)
    shard = bench.data.shards(rows)[0]
    shard.read_bytes()  # into the system's file cache, where each way finds it
    notes, names = [], [*DECODINGS]
    if importlib.util.find_spec("polars") is None:
        names.remove(POLARS)
        notes.append("polars isn't installed, so it isn't measured")
    peaks: dict[str, list[float]] = {name: [] for name in names}
    ways = {name: functools.partial(_speed, name, shard, bench, peaks[name]) for name in names}
    speeds = alternating(ways, bench.settings.repeats, bench.until)
    figures = [_speed_figure(name, speeds, rows) for name in names]
    if all(peaks.values()):
        figures += [_peak_figure(name, peaks, rows) for name in names if name != ARROW]
    else:
        notes.append("peak memory can't be read here (/proc and /dev/shm are needed)")
    return Findings(figures, notes)


def _speed(name: str, shard: Path, bench: Bench, peaks: list[float]) -> float:
    (rows, seconds), peak = peak_anonymous_memory(DECODINGS[name], shard, bench.data.layout.cache)
    if peak is not None:
        peaks.append(peak / 1e9)
    return rows / seconds


def _speed_figure(name: str, speeds: dict[str, tuple[float, ...]], rows: int) -> Figure:
    if name == PANDAS:
        return Figure(name, "images/s", speeds[name], rows)
    mark = _FASTER if name in _OURS else None
    ratio = ratios(speeds[name], speeds[PANDAS])
    return Figure(name, "images/s", speeds[name], rows, PANDAS, ratio, mark)


def _peak_figure(name: str, peaks: dict[str, list[float]], rows: int) -> Figure:
    values = tuple(peaks[name])
    if name == PANDAS:
        return Figure(f"peak memory, {name}", "GB", values, rows)
    mark = _SMALLER if name in _OURS else None
    ratio = ratios(values, tuple(peaks[PANDAS]))
    return Figure(f"peak memory, {name}", "GB", values, rows, PANDAS, ratio, mark)
