"""bench: decoding against pandas, the bare training step, degradation; measured here."""

from graphemes.experiments.decode_speed import measure_decoding
from graphemes.experiments.degradation import measure_degradation
from graphemes.experiments.step_speed import measure_step
from graphemes.foundation.layout import ROOT
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import say
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.foundation.versions import commit


def run(settings: BenchSettings) -> None:
    """Print what was asked for, medians of the repeats."""
    say(f"on {machine_name()}, commit {commit(ROOT) or 'unknown'}")
    if settings.what in ("all", "decode"):
        measure_decoding(settings)
    if settings.what in ("all", "step"):
        measure_step(settings)
    if settings.what == "degradation":
        measure_degradation(settings)
