"""A training step as every public entry takes it, and with one thing at a time done better."""

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from graphemes.experiments.bench_run import synchronize
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import Engine, PrecisionName
from graphemes.training.losses import training_loss
from graphemes.training.optimisation import make_schedule


@dataclass(frozen=True)
class Way:
    """How a step is taken; by default plainly: fp32, NCHW, an optimiser parameter by parameter."""

    precision: PrecisionName = "fp32"
    channels_last: bool = False
    fused: bool = False
    compiled: bool = False


PLAIN = Way()


class PlainTraining:
    """A network, its optimiser and the loop around them, as short as they can be written."""

    def __init__(self, network: nn.Module, learning: Learning, way: Way, device: torch.device):
        self.way, self.learning = way, learning
        self.engine = Engine(device, way.precision)
        layout = torch.channels_last if way.channels_last else torch.contiguous_format
        self.layout: Any = layout
        self.network = network.to(device).to(memory_format=layout).train()  # type: ignore[call-overload]
        self.called = torch.compile(self.network) if way.compiled else self.network
        self.optimiser = AdamW(
            _groups(self.network, learning), lr=learning.lr, foreach=False, fused=way.fused
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.engine.needs_scaler)

    def step(self, ink: Tensor, labels: Any) -> float:
        """One step on a batch that is on the device; its loss."""
        with self.engine.autocast(training_width=ink.shape[-1]):
            output = self.called(ink.contiguous(memory_format=self.layout))
            loss = training_loss(output, labels, self.learning.grapheme_weight)
        self.optimiser.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.learning.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss.item()

    def seconds(self, batch: tuple[Tensor, Any], steps: int) -> float:
        """Seconds of so many steps on one batch."""
        synchronize(self.engine.device)
        started = time.perf_counter()
        for _ in range(steps):
            self.step(*batch)
        synchronize(self.engine.device)
        return time.perf_counter() - started

    def epochs(self, batches: Sequence[Sequence[tuple[Tensor, Any]]]) -> list[float]:
        """The mean loss of each epoch's batches, with the learning rates that train has."""
        schedule = make_schedule(self.optimiser, self.learning, sum(map(len, batches)))
        losses = []
        for epoch in batches:
            total, images = 0.0, 0
            for ink, labels in epoch:
                total, images = total + self.step(ink, labels) * len(ink), images + len(ink)
                schedule.step()
            losses.append(total / images)
        return losses


def _groups(network: nn.Module, learning: Learning) -> list[dict[str, Any]]:
    """The parameters with the weight decay that train gives them, so that losses compare."""
    decays = {True: learning.weight_decay, False: 0.0}
    return [
        {"params": [p for p in network.parameters() if (p.ndim > 1) == many], "weight_decay": decay}
        for many, decay in decays.items()
    ]


def no_compiler(device: torch.device) -> str | None:
    """Why torch.compile can't be measured; None where it may."""
    if device.type == "mps":
        return "torch.compile isn't measured on an Apple GPU"
    names = [os.environ.get("CXX", ""), "g++", "clang++", "c++"]
    if not any(name and shutil.which(name) for name in names):
        return "there is no C++ compiler (g++ or clang++), so torch.compile isn't measured"
    return None
