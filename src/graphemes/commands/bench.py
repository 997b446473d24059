"""bench: what is fast here and what isn't, against the plain way; degradation; soak."""

from graphemes.experiments.bench_parts import run_bench
from graphemes.experiments.degradation import measure_degradation
from graphemes.experiments.soak import soak
from graphemes.foundation.settings.studies import BenchSettings


def run(settings: BenchSettings) -> None:
    """Measure what was asked for: medians of the repeats, marks reached or missed."""
    if settings.what == "degradation":
        measure_degradation(settings)
    elif settings.what == "soak":
        soak(settings)
    else:
        run_bench(settings)
