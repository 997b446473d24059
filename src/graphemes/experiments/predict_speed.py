"""bench what=predict: from shards to a submission, against the bare network; memory by rows."""

import functools
from pathlib import Path

from graphemes.experiments.bench_run import Bench, Findings, scratch
from graphemes.experiments.peak_memory import peak_anonymous_memory
from graphemes.experiments.stages import Predicted, Words, fresh_weights, predict
from graphemes.experiments.step_speed import inference_speed
from graphemes.experiments.timings import Figure, Mark, alternating
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.model import build_network

FEW, MANY = 1_000, 20_000  # images between which memory is to stay flat
_FLAT = Mark(1.1, "most")  # peak memory at many rows over that at few
_LADDER = (2_000, 5_000, 10_000, MANY)  # where rows= says nothing
_SECONDS = 15.0  # of the bare network on so many
_BARE_SECONDS = 4.0


def measure_predict(bench: Bench) -> Findings:
    """Images a second from shards to CSV, start not counted, and peak memory, at each size."""
    figures: list[Figure] = []
    notes: list[str] = []
    sizes = bench.settings.sizes
    for done, size in enumerate(sizes):
        found = _at_size(bench.share(len(sizes) - done), size)
        figures += found.figures
        notes += found.notes
    return Findings(figures, list(dict.fromkeys(notes)))


def share_mark(size: ImageSize) -> Mark:
    """Of the bare network's speed: issue 16's, for 64x64 and for 128x128 and above."""
    return Mark(0.9 if size.height * size.width >= 128 * 128 else 0.75)


def predict_words(bench: Bench, size: ImageSize, rows: int) -> Words:
    """Predict's settings for so many test images."""
    place = scratch(bench, "predict")
    weights = place / f"{bench.settings.trunk.replace('/', '-')}-{size}.safetensors"
    if not weights.exists():
        fresh_weights(weights, bench.train_settings(size))
    return {
        "data_dir": str(bench.data.tests(rows)),
        "work_dir": str(bench.data.layout.work_dir),
        "weights": str(weights),
        "batch_size": bench.settings.batch,
        "device": bench.settings.device,
        "precision": bench.settings.precision,
        "workers": bench.settings.workers,
        "overwrite": True,
        "submission": str(place / "submission.csv"),
    }


def _at_size(bench: Bench, size: ImageSize) -> Findings:
    settings = bench.settings
    network = build_network(bench.train_settings(size), size, 0)
    speed = inference_speed(network, size, settings.batch, 1, bench.engine)
    fitting = [rows for rows in _LADDER if rows <= speed * _SECONDS]
    many = min(bench.rows, settings.rows or max(fitting, default=_LADDER[0]), MANY)
    found: dict[int, list[tuple[Predicted, int | None]]] = {}
    for rows in sorted({min(FEW, many), many}):
        kept = found[rows] = []
        words = predict_words(bench, size, rows)
        way = functools.partial(_once, words, kept)
        repeats = settings.repeats if rows == many else 1
        alternating({"predict": way}, repeats, bench.until)
    figures = [figure for rows, kept in found.items() for figure in _figures(size, rows, kept)]
    return _with_memory(Findings(figures), size, found)


def _once(words: Words, kept: list[tuple[Predicted, int | None]]) -> float:
    Path(words["submission"]).unlink(missing_ok=True)
    one, peak = peak_anonymous_memory(predict, words, _BARE_SECONDS, family=True)
    kept.append((one, peak))
    return one.seconds


def _figures(size: ImageSize, rows: int, kept: list[tuple[Predicted, int | None]]) -> list[Figure]:
    bare = tuple(one.bare for one, _ in kept)
    speeds = tuple(one.images / one.seconds for one, _ in kept)
    shares = tuple(speed / most for speed, most in zip(speeds, bare, strict=True))
    label = f"{size}, {rows:,} rows"
    name = f"bare network, {label}"
    mark = share_mark(size) if rows > FEW else None
    gpu = tuple(one.gpu for one, _ in kept if one.gpu is not None)
    figures = [
        Figure(name, "images/s", bare, rows),
        Figure(f"shards to CSV, {label}", "images/s", speeds, rows, name, shares, mark),
    ]
    return [*figures, Figure(f"GPU memory, {label}", "GB", gpu, rows)] if gpu else figures


def _with_memory(
    found: Findings, size: ImageSize, runs: dict[int, list[tuple[Predicted, int | None]]]
) -> Findings:
    peaks = {
        rows: tuple(peak / 1e9 for _, peak in kept if peak is not None)
        for rows, kept in runs.items()
    }
    if not all(peaks.values()):
        return Findings(found.figures, ["peak memory can't be read here, so it isn't measured"])
    few, many = min(peaks), max(peaks)
    figures = list(found.figures)
    if few == many:
        figures.append(Figure(f"peak memory, {size}, {few:,} rows", "GB", peaks[few], few))
        note = f"memory at more than {FEW:,} rows wasn't looked at: rows= gives more"
        return Findings(figures, [note])
    name = f"peak memory, {size}, {few:,} rows"
    figures.append(Figure(name, "GB", peaks[few], few))
    ratio = tuple(peak / peaks[few][0] for peak in peaks[many])
    label = f"peak memory, {size}, {many:,} rows"
    figures.append(Figure(label, "GB", peaks[many], many, name, ratio, _FLAT))
    return Findings(figures)
