"""How fast a network trains and infers here, on pictures that are already there: no loader."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from graphemes.foundation.heads import HEADS
from graphemes.foundation.progress import say
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.studies import BenchSettings, NetworksSettings
from graphemes.network.devices import Engine, choose_engine
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.training.epoch import make_learner, train_epoch

Asked = BenchSettings | NetworksSettings  # batch_size, image_size and repeats of a timing
_STEPS = 3  # of one repeat


def measure_step(settings: BenchSettings) -> None:
    """Say how fast the default network's training step is here."""
    engine = choose_engine(settings.device, settings.precision)
    learning = Learning()
    speed = training_speed(build_network(learning, settings.image_size, 0), settings, engine)
    say(
        f"training step: {learning.trunk} at {settings.image_size}, batch {settings.batch_size},"
        f" {engine.describe()}: {speed:.1f} images/s, median of {settings.repeats}"
    )


def training_speed(network: GraphemeNetwork, asked: Asked, engine: Engine) -> float:
    """Images a second of the bare training step: the most that a run can reach."""
    learning = Learning(epochs=1, batch_size=asked.batch_size)
    learner = make_learner(network, learning, engine, 10_000)
    batches = [_batch(asked)] * _STEPS
    return _median_speed(lambda: train_epoch(learner, batches, (0, 0, 0), _silent), asked)


def inference_speed(network: GraphemeNetwork, asked: Asked, engine: Engine) -> float:
    """Images a second of the bare network."""
    network = network.to(engine.device).eval()
    ink = _batch(asked)[0].to(engine.device, memory_format=torch.channels_last)

    def infer() -> None:
        with torch.inference_mode(), engine.autocast():
            for _ in range(_STEPS):
                network(ink).heads.root.cpu()  # waits for the device

    return _median_speed(infer, asked)


def _batch(asked: Asked) -> tuple[torch.Tensor, Any]:
    size = asked.batch_size
    ink = torch.rand(size, 1, *asked.image_size)
    return ink, HEADS.map(lambda head: torch.randint(head.classes, (size,)))


def _median_speed(call: Callable[[], Any], asked: Asked) -> float:
    """Over the repeats, after a call that doesn't count."""
    call()
    rates = []
    for _ in range(asked.repeats):
        started = time.perf_counter()
        call()
        rates.append(_STEPS * asked.batch_size / (time.perf_counter() - started))
    return statistics.median(rates)


def _silent(count: int, **facts: str) -> None:
    """No progress is drawn while measuring."""
