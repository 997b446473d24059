"""How fast a network trains and infers here, on pictures that are already there: no loader."""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from graphemes.experiments.bench_run import synchronize
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork
from graphemes.training.batch_room import random_batch
from graphemes.training.epoch import Learner, make_learner, train_epoch

_STEPS = 3  # of one repeat
_MANY = 1_000_000  # steps of a schedule that doesn't end while it is measured


def training_speed(
    network: GraphemeNetwork, size: ImageSize, batch: int, repeats: int, engine: Engine
) -> float:
    """Images a second of the bare training step: the most that a run can reach."""
    learner = endless_learner(network, Learning(epochs=1, batch_size=batch), engine)
    batches = [random_batch(size, batch)] * _STEPS
    return _median_speed(lambda: learner_seconds(learner, batches), batch, repeats)


def inference_speed(
    network: GraphemeNetwork, size: ImageSize, batch: int, repeats: int, engine: Engine
) -> float:
    """Images a second of the bare network."""
    network = network.to(engine.device).eval()
    ink = random_batch(size, batch, engine.device)[0]
    return _median_speed(lambda: forward_seconds(network, ink, engine, _STEPS), batch, repeats)


def endless_learner(network: GraphemeNetwork, learning: Learning, engine: Engine) -> Learner:
    """A learner as train makes it, for as many steps as one likes."""
    return make_learner(network, learning, engine, _MANY)


def learner_seconds(learner: Learner, batches: Any) -> float:
    """Seconds of training on some batches: an epoch without what comes after it."""
    synchronize(learner.engine.device)
    started = time.perf_counter()
    train_epoch(learner, batches, (0, 0, 0), _silent)
    synchronize(learner.engine.device)
    return time.perf_counter() - started


def forward_seconds(
    network: GraphemeNetwork, ink: torch.Tensor, engine: Engine, steps: int
) -> float:
    """Seconds of so many forward passes of a batch (B, 1, H, W) on the device."""
    ink = ink.contiguous(memory_format=torch.channels_last)
    synchronize(engine.device)
    started = time.perf_counter()
    with torch.inference_mode(), engine.autocast():
        for _ in range(steps):
            network(ink).heads.root.cpu()  # waits for the device
    return time.perf_counter() - started


def steps_for(seconds: float, one: float, most: int = 200) -> int:
    """How many steps of so many seconds a timing should have: at least one."""
    return max(1, min(most, math.ceil(seconds / max(one, 1e-9))))


def _median_speed(seconds: Callable[[], float], batch: int, repeats: int) -> float:
    """Over the repeats, after a call that doesn't count."""
    seconds()
    return statistics.median(_STEPS * batch / seconds() for _ in range(repeats))


def _silent(count: int, **facts: str) -> None:
    """No progress is drawn while measuring."""
