"""bench: decoding against pandas, the bare training step, degradation; measured here."""

import statistics

import torch

from graphemes.commands.degradation import measure_degradation
from graphemes.commands.preparation import find_source
from graphemes.competition.shards import find_shards
from graphemes.experiments.decodings import DECODINGS
from graphemes.experiments.peak_memory import peak_anonymous_memory
from graphemes.foundation.birth import commit
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import ROOT
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import BenchSettings
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import choose_engine
from graphemes.network.model import build_network
from graphemes.training.epoch import make_learner, train_epoch

SETTINGS = BenchSettings
_STEPS = 6


def run(settings: BenchSettings) -> None:
    """Print what was asked for, medians of the repeats."""
    say(f"on {machine_name()}, commit {commit(ROOT) or 'unknown'}")
    if settings.what in ("all", "decode"):
        _decode(settings)
    if settings.what in ("all", "step"):
        _step(settings)
    if settings.what == "degradation":
        measure_degradation(settings)


def _decode(settings: BenchSettings) -> None:
    """The first train shard by pandas.read_parquet and into a store, turn about."""
    source = find_source(settings)
    shards = find_shards(source.directory, "train")
    if not shards or shards[0].suffix != ".parquet":
        raise DataError(f"{source.directory}: no train_image_data_*.parquet to decode")
    spent: dict[str, list[float]] = {name: [] for name in DECODINGS}
    peaks: dict[str, list[float]] = {name: [] for name in DECODINGS}
    rows = 0
    for _ in range(settings.repeats):
        for name, call in DECODINGS.items():
            (rows, seconds), peak = peak_anonymous_memory(call, shards[0], source.layout.cache)
            spent[name].append(seconds)
            peaks[name].append(peak or float("nan"))
    say(f"decoding {shards[0].name}: {rows:,} images, medians of {settings.repeats}")
    first = next(iter(DECODINGS))
    for name in DECODINGS:
        seconds, peak_ = statistics.median(spent[name]), statistics.median(peaks[name])
        line = f"  {name:<20} {rows / seconds:>8,.0f} images/s, at most {peak_ / 1e9:.2f} GB"
        if name != first:
            speed = statistics.median(spent[first]) / seconds
            share = peak_ / statistics.median(peaks[first])
            line += f": {speed:.2f} times as fast in {share:.2f} of the memory"
        say(line)


def _step(settings: BenchSettings) -> None:
    """The training step on pictures that are already there: the most a run can reach."""
    engine = choose_engine(settings.device, settings.precision)
    learning = Learning(epochs=1, batch_size=settings.batch_size, image_size=settings.image_size)
    learner = make_learner(
        build_network(learning, learning.image_size, 0), learning, engine, 10_000
    )
    ink = torch.rand(settings.batch_size, 1, *settings.image_size)
    labels = HEADS.map(lambda head: torch.randint(head.classes, (settings.batch_size,)))

    def epoch(steps: int) -> float:
        return train_epoch(learner, [(ink, labels)] * steps, (0, 0, 0), _nothing).seconds

    epoch(2)
    rates = [_STEPS * settings.batch_size / epoch(_STEPS) for _ in range(settings.repeats)]
    say(
        f"training step: {learning.trunk} at {settings.image_size}, batch {settings.batch_size},"
        f" {engine.describe()}: {statistics.median(rates):.1f} images/s,"
        f" median of {settings.repeats}"
    )


def _nothing(count: int, **facts: str) -> None:
    """No progress is drawn while measuring."""
