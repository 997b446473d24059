"""The epoch loop: batches in, better weights and a mean loss out.

B images, H x W pixels.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from graphemes.foundation.errors import UserError
from graphemes.foundation.heads import PerHead
from graphemes.foundation.progress import Advance
from graphemes.foundation.seeds import MIXING, TORCH, TORCH_OF_RANK
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import Engine
from graphemes.network.gradient_checkpointing import recomputing
from graphemes.network.ranks import ALONE, Ranks
from graphemes.network.sync_norm import synchronise_norms
from graphemes.training.class_losses import Counts
from graphemes.training.losses import make_loss
from graphemes.training.mixing import Mixing, make_mixing
from graphemes.training.optimisation import (
    SnapshotMean,
    WeightAverage,
    make_optimiser,
    make_schedule,
)

Batch = tuple[Tensor, PerHead[Tensor]]  # ink (B, 1, H, W), labels (B,) of each head


class NotFinite(UserError):
    """The loss or its gradient is nan or infinite; the step wasn't taken.

    batch: the number of this process's batch in the epoch. pictures: the places in it of those that
    aren't finite themselves.
    """

    def __init__(self, text: str, batch: int = 0, pictures: Sequence[int] = ()) -> None:
        super().__init__(text)
        self.batch, self.pictures = batch, pictures


@dataclass
class Learner:
    """Everything that changes while a fold is trained."""

    network: nn.Module
    parallel: nn.Module  # the network, its gradients those of all processes together
    average: WeightAverage
    optimiser: Optimizer
    schedule: LRScheduler
    scaler: torch.amp.GradScaler
    engine: Engine
    clip: float
    loss: Callable[[Any, Any, float], Tensor]  # of the output, the labels, `done` -> ()
    ranks: Ranks = ALONE
    accumulate: int = 1  # batches a step
    steps: int = 1  # of the whole training
    mix: Mixing | None = None
    snapshots: SnapshotMean | None = None  # of epochs' ends, where it is asked for

    @property
    def done(self) -> float:
        """The share of the training's steps that were taken."""
        return self.schedule.last_epoch / self.steps


@dataclass(frozen=True)
class EpochResult:
    """What one pass over the training rows did, in all processes."""

    loss: float  # mean over images
    images: int
    seconds: float
    lr: float  # at the end


@dataclass
class Begun:
    """An epoch on the way: what its steps so far have done, in this process."""

    steps: int = 0
    total: float = 0.0  # of each image's loss
    images: int = 0
    seconds: float = 0.0
    random: list[Tensor] = field(default_factory=list)  # states of torch's generators to begin with


def make_learner(
    network: nn.Module,
    settings: Learning,
    engine: Engine,
    steps: int,
    ranks: Ranks = ALONE,
    *,
    counts: Counts | None = None,
) -> Learner:
    """A learner at its first step of `steps`, on the engine's device.

    counts: training images of each class, for the losses that ask for them.
    """
    network = network.to(engine.device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if settings.sync_norm and ranks.size > 1:
        network = synchronise_norms(network, ranks)
    optimiser = make_optimiser(network, settings)
    return Learner(
        network=network,
        parallel=ranks.parallel(network),
        average=WeightAverage(network, settings.ema),
        optimiser=optimiser,
        schedule=make_schedule(optimiser, settings, steps),
        scaler=torch.amp.GradScaler(engine.device.type, enabled=engine.needs_scaler),
        engine=engine,
        clip=settings.clip,
        loss=make_loss(settings, counts, engine.device),
        ranks=ranks,
        accumulate=settings.accumulate,
        steps=steps,
        mix=make_mixing(settings),
        snapshots=SnapshotMean(network) if settings.swa else None,
    )


def train_epoch(
    learner: Learner,
    batches: Iterable[tuple[Tensor, Any]],
    key: tuple[int, int, int],
    advance: Advance,
    *,
    begun: Begun | None = None,
    after_step: Callable[[Begun], None] = lambda _begun: None,
) -> EpochResult:
    """One pass over batches of ink (B, 1, H, W) and labels as the loss takes them.

    key: (seed, fold, epoch). Each of several processes has batches of its own, all of one size.
    begun: what an earlier call has done of it; the batches are those that are left.
    after_step: is told how far the epoch is; what it raises ends it there.

    Raises NotFinite before a step that would spoil the weights.
    """
    begun = Begun() if begun is None else begun
    ranks, pieces = learner.ranks, learner.accumulate
    torch.manual_seed(_torch_seed(key, ranks.rank))  # for what a network draws itself, as dropout
    if begun.random:
        set_random_states(begun.random, learner.engine.device)
    learner.parallel.train()
    started = time.monotonic() - begun.seconds
    for number, batch in enumerate(batches, begun.steps * pieces):
        ink, labels = _prepared(learner, *batch, (*key, ranks.rank, number))
        step, piece = divmod(number, pieces)
        if piece == 0:
            learner.optimiser.zero_grad(set_to_none=True)
        where = f"epoch {key[2] + 1}, step {step + 1}"
        loss = _backward(learner, ink, labels, last=piece + 1 == pieces)
        if not _finite(loss):
            odd = (~ink.isfinite().flatten(1).all(1)).nonzero().flatten().tolist()
            raise _not_finite(learner, f"{where}: the loss is {loss}", number, odd)
        if piece + 1 == pieces:
            _step(learner, where, number)
        begun.total += loss * len(ink)
        begun.images += len(ink)
        advance(len(ink) * ranks.size, loss=f"{begun.total / begun.images:.3f}")
        if piece + 1 == pieces:
            begun.steps, begun.seconds = step + 1, time.monotonic() - started
            after_step(begun)
    lr = float(learner.optimiser.param_groups[0]["lr"])
    seconds = time.monotonic() - started
    mean, images = begun.total / begun.images, begun.images * ranks.size
    for network in (learner.network, learner.average.network):
        ranks.take_buffers_of_first(network)
    return EpochResult(ranks.mean(mean), images, seconds, lr)


def random_states(device: torch.device) -> list[Tensor]:
    """The states of torch's generators for the CPU and the device."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    elif device.type == "mps":
        states.append(torch.mps.get_rng_state())
    return states


def set_random_states(states: list[Tensor], device: torch.device) -> None:
    """Put torch's generators where `random_states` found them."""
    first, *others = (state.cpu() for state in states)
    torch.set_rng_state(first)
    for state in others:
        if device.type == "cuda":
            torch.cuda.set_rng_state(state, device)
        elif device.type == "mps":
            torch.mps.set_rng_state(state)


def _torch_seed(key: tuple[int, int, int], rank: int) -> int:
    return TORCH_OF_RANK.seed(*key, rank) if rank else TORCH.seed(*key)


def _prepared(
    learner: Learner, ink: Tensor, labels: Any, key: tuple[int, ...]
) -> tuple[Tensor, Any]:
    """A batch on the device, mixed if it's one of those that are; key: as MIXING has it."""
    device = learner.engine.device
    ink = ink.to(device, non_blocking=True, memory_format=torch.channels_last)
    labels = _moved(labels, device)
    if learner.mix is None:
        return ink, labels
    return learner.mix(ink, labels, MIXING.stream(*key), learner.done)


def _backward(learner: Learner, ink: Tensor, labels: Any, *, last: bool) -> float:
    """Add a batch's share to the step's gradient; the last brings all processes'. Its loss."""
    alone = contextlib.nullcontext() if last else learner.ranks.step_later(learner.parallel)
    with alone:
        with learner.engine.autocast(training_width=ink.shape[-1]):
            loss = learner.loss(learner.parallel(ink), labels, learner.done)
        share = loss / learner.accumulate
        with recomputing(learner.network):
            learner.scaler.scale(share).backward()  # type: ignore[no-untyped-call]
    return loss.item()


def trial_step(learner: Learner, ink: Tensor, labels: Any) -> None:
    """A step on a batch that neither schedule nor mean hears of, to see whether there is room."""
    learner.optimiser.zero_grad(set_to_none=True)
    _backward(learner, *_prepared(learner, ink, labels, (0, 0, 0, 0, 0)), last=True)
    learner.scaler.step(learner.optimiser)  # whose moments take room too


def _not_finite(learner: Learner, what: str, batch: int, pictures: Sequence[int] = ()) -> NotFinite:
    lr = learner.optimiser.param_groups[0]["lr"]
    text = f"{what} at learning rate {lr:.2g}, expected finite numbers; what was written before is"
    return NotFinite(f"{text} kept; try a lower lr, or precision=fp32", batch, pictures)


def _step(learner: Learner, where: str, batch: int) -> None:
    """Better weights by the gradient that is there."""
    learner.scaler.unscale_(learner.optimiser)
    norm = nn.utils.clip_grad_norm_(learner.network.parameters(), learner.clip)
    # An infinite gradient alone is the scaler's everyday business: it skips the step.
    if not (learner.engine.needs_scaler or _finite(norm.item())):
        raise _not_finite(learner, f"{where}: its gradient is not finite", batch)
    before = learner.scaler.get_scale()
    learner.scaler.step(learner.optimiser)
    learner.scaler.update()
    if learner.scaler.get_scale() >= before:  # a skipped step isn't one of the schedule's
        learner.schedule.step()
        learner.average.update(learner.network)


def _moved(labels: Any, device: torch.device) -> Any:
    if isinstance(labels, PerHead):
        return labels.map(lambda column: column.to(device, non_blocking=True))
    return labels.to(device, non_blocking=True)


def _finite(value: float) -> bool:
    return abs(value) < float("inf")  # False for nan too
