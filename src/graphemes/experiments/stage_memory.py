"""bench what=memory: what each stage of a run holds at most, all its processes together."""

import shutil
from collections.abc import Callable

from graphemes.experiments.bench_run import Bench, Findings, scratch
from graphemes.experiments.peak_memory import peak_anonymous_memory
from graphemes.experiments.predict_speed import FEW, predict_words
from graphemes.experiments.stages import epoch, folds, predict, store
from graphemes.experiments.timings import Figure

_IMAGES = 512  # trained on, and at most predicted: a stage's memory is the same for more


def measure_memory(bench: Bench) -> Findings:
    """The peak of each stage's processes, in a process that does nothing else; and seconds."""
    size = bench.settings.sizes[-1]
    place = scratch(bench, "memory")
    settings = bench.train_settings(size, workers=bench.settings.workers, work_dir=str(place))
    words = settings.model_dump(mode="json", include=settings.model_fields_set)
    tests = min(FEW, bench.rows)
    stages: dict[str, Callable[[], tuple[tuple[float, int], int | None]]] = {
        "store": lambda: peak_anonymous_memory(store, words, family=True),
        "folds": lambda: peak_anonymous_memory(folds, words, family=True),
        f"training, {size}": lambda: peak_anonymous_memory(epoch, words, _IMAGES, family=True),
        f"predict, {size}": lambda: _predict(bench, tests),
    }
    figures = []
    notes = []
    for name, stage in stages.items():
        (seconds, images), peak = stage()
        figures.append(Figure(f"{name}, time", "s", (seconds,), images))
        if peak is None:
            notes = ["peak memory can't be read here, so it isn't measured"]
        else:
            figures.append(Figure(f"{name}, peak memory", "GB", (peak / 1e9,), images))
    shutil.rmtree(place)
    return Findings(figures, notes)


def _predict(bench: Bench, rows: int) -> tuple[tuple[float, int], int | None]:
    words = predict_words(bench, bench.settings.sizes[-1], rows)
    one, peak = peak_anonymous_memory(predict, words, 0.0, family=True)
    return (one.seconds, one.images), peak
