"""bench: decoding against pandas, the bare training step, degradation; measured here."""

from graphemes.experiments.decode_speed import measure_decoding
from graphemes.experiments.degradation import measure_degradation
from graphemes.experiments.step_speed import training_speed
from graphemes.foundation.layout import ROOT
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import say
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.foundation.versions import commit
from graphemes.network.devices import choose_engine
from graphemes.network.model import build_network


def run(settings: BenchSettings) -> None:
    """Print what was asked for, medians of the repeats."""
    say(f"on {machine_name()}, commit {commit(ROOT) or 'unknown'}")
    if settings.what in ("all", "decode"):
        measure_decoding(settings)
    if settings.what in ("all", "step"):
        _step(settings)
    if settings.what == "degradation":
        measure_degradation(settings)


def _step(settings: BenchSettings) -> None:
    engine = choose_engine(settings.device, settings.precision)
    learning = Learning()
    speed = training_speed(build_network(learning, settings.image_size, 0), settings, engine)
    say(
        f"training step: {learning.trunk} at {settings.image_size}, batch {settings.batch_size},"
        f" {engine.describe()}: {speed:.1f} images/s, median of {settings.repeats}"
    )
