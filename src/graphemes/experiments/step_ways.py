"""bench what=step: the bare training step, ours against the plain one, and each gain alone."""

import dataclasses
import functools
from collections.abc import Callable

from graphemes.experiments.bench_run import Bench, Findings, forget_gpu_peak, gpu_peak
from graphemes.experiments.plain_step import PLAIN, PlainTraining, Way, no_compiler
from graphemes.experiments.step_speed import (
    endless_learner,
    learner_seconds,
    steps_for,
)
from graphemes.experiments.timings import Figure, Mark, alternating, ratios
from graphemes.foundation.errors import one_line
from graphemes.foundation.progress import say
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.devices import PrecisionName, same_bits
from graphemes.network.model import build_network
from graphemes.training.batch_room import random_batch

_THRICE = Mark(3.0)  # issue 16's, on a CPU with bf16
_BATCHES = (32, 64, 128)
SECONDS = 0.6  # of one timing, at least one step
Seconds = Callable[[int], float]  # of so many steps


def measure_step(bench: Bench) -> Findings:
    """Images a second by size and batch; then each gain alone; memory of a GPU."""
    figures: list[Figure] = []
    notes = []
    marked = bench.has_bf16 and not bench.gpu
    if not marked:
        notes.append("the mark of 3 is for a CPU with bf16, which this isn't: ratios without it")
    wanted = bench.settings.batch_size
    batches = (wanted,) if wanted else _BATCHES
    for size in bench.settings.sizes:
        for batch in batches:
            mark = _THRICE if marked and batch == batches[-1] else None
            ours = {"ours": _ours(bench, size, batch)}
            if bench.gpu and batch == batches[-1]:  # elsewhere it changes nothing
                ours["ours with deterministic=true"] = _ours(bench, size, batch, same=True)
            figures += _against_plain(bench, size, batch, ours, mark)
    for size in bench.settings.sizes:
        if bench.late:
            notes.append(
                f"no time was left for each gain alone at {size}; what=step repeats=1 has it"
            )
            break
        ways = {name: _plain(bench, size, batches[-1], way) for name, way in _alone(bench).items()}
        figures += _against_plain(bench, size, batches[-1], ways, None)[1:]
    notes += _measure_compiled(bench, bench.settings.sizes[0], batches[-1], figures)
    return Findings(figures, notes)


def _against_plain(
    bench: Bench,
    size: ImageSize,
    batch: int,
    ways: dict[str, Callable[[], Seconds]],
    mark: Mark | None,
) -> list[Figure]:
    """The plain way's figure, and each way's with its ratio to the plain one."""
    made = {"plain": _plain(bench, size, batch, PLAIN)(), **{k: make() for k, make in ways.items()}}
    timed = {}
    peaks = {}
    for name, seconds in made.items():
        began = seconds(1)  # with what is done once, as the choice of kernels
        steps = steps_for(SECONDS, seconds(1)) if began < 5 * SECONDS else 1
        peaks[name] = _gpu_peak(bench, seconds)
        timed[name] = functools.partial(_speed, seconds, steps, batch)
    found = alternating(timed, bench.settings.repeats, bench.until)
    label = f"{size}, batch {batch}"
    figures = []
    for name, speeds in found.items():
        if name == "plain":
            figures.append(Figure(f"plain, {label}", "images/s", speeds, batch))
        else:
            ratio = ratios(speeds, found["plain"])
            one = Figure(f"{name}, {label}", "images/s", speeds, batch, "plain", ratio, mark)
            figures.append(one)
    held = [(name, peak) for name, peak in peaks.items() if peak is not None]
    return figures + [Figure(f"GPU memory, {k}, {label}", "GB", (v,), batch) for k, v in held]


def _speed(seconds: Seconds, steps: int, batch: int) -> float:
    return steps * batch / seconds(steps)


def _learning(bench: Bench, batch: int) -> Learning:
    return Learning(trunk=bench.settings.trunk, batch_size=batch)


def _plain(bench: Bench, size: ImageSize, batch: int, way: Way) -> Callable[[], Seconds]:
    def make() -> Seconds:
        learning, device = _learning(bench, batch), bench.engine.device
        training = PlainTraining(build_network(learning, size, 0), learning, way, device)
        return functools.partial(training.seconds, random_batch(size, batch, device))

    return make


def _ours(
    bench: Bench, size: ImageSize, batch: int, *, same: bool = False
) -> Callable[[], Seconds]:
    def make() -> Seconds:
        learning = _learning(bench, batch)
        learner = endless_learner(build_network(learning, size, 0), learning, bench.engine)
        one = random_batch(size, batch, bench.engine.device)

        def seconds(steps: int) -> float:
            with same_bits(asked=same):
                return learner_seconds(learner, [one] * steps)

        return seconds

    return make


def _alone(bench: Bench) -> dict[str, Way]:
    """Each gain alone; on a GPU both narrow precisions, elsewhere bf16 whatever it brings."""
    narrow: tuple[PrecisionName, ...] = ("bf16", "fp16") if bench.gpu else ("bf16",)
    ways = {"channels last alone": Way(channels_last=True), "fused alone": Way(fused=True)}
    ways |= {f"{precision} alone": Way(precision) for precision in narrow}
    if bench.gpu:
        for precision in narrow:
            ways[f"{precision} and all"] = Way(precision, channels_last=True, fused=True)
    return ways


def _measure_compiled(
    bench: Bench, size: ImageSize, batch: int, figures: list[Figure]
) -> list[str]:
    """Add a compiled step's figures; the sentence on why not where there is none."""
    if sentence := no_compiler(bench.engine.device):
        return [sentence]
    say("bench step: torch.compile, which takes a minute or two")
    way = Way(bench.engine.precision, channels_last=True, fused=True)
    ways = {
        "all but compiled": _plain(bench, size, batch, way),
        "compiled": _plain(bench, size, batch, dataclasses.replace(way, compiled=True)),
    }
    try:
        figures += _against_plain(bench, size, batch, ways, None)[1:]
    except Exception as error:  # noqa: BLE001  # whatever a compiler fails with is no fault here
        return [f"torch.compile failed ({one_line(error)[:200]}), so it isn't measured"]
    return []


def _gpu_peak(bench: Bench, seconds: Seconds) -> float | None:
    """GB of a GPU's memory that a step takes beside what lies there; None without one."""
    device = bench.engine.device
    if device.type != "cuda":
        return None
    forget_gpu_peak(device)
    before = gpu_peak(device)  # what lies there now
    seconds(1)
    after = gpu_peak(device)
    return None if before is None or after is None else after - before
