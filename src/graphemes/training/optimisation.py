"""The optimiser, its learning rate over the steps, and means of the weights."""

import bisect
import math

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from graphemes.foundation.settings.groups import Learning
from graphemes.training.muon import make_muon, timms_muon
from graphemes.training.phases import cycle_ends


def make_optimiser(network: nn.Module, settings: Learning) -> Optimizer:
    """The optimiser, its decay on convolutions and linear weights only, not on norms and biases.

    Of SGD the momentum is Nesterov's, 0.9. Raises MissingPackage (see need_optimiser).
    """
    if settings.optimiser == "muon":
        return make_muon(network, settings)
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    fused = next(network.parameters()).device.type in ("cpu", "cuda")
    if settings.optimiser == "sgd":
        return SGD(groups, lr=settings.lr, momentum=0.9, nesterov=True, fused=fused)
    return AdamW(groups, lr=settings.lr, fused=fused)


def need_optimiser(settings: Learning) -> None:
    """Raise MissingPackage for an optimiser that isn't here."""
    if settings.optimiser == "muon":
        timms_muon()


def make_schedule(optimiser: Optimizer, settings: Learning, steps: int) -> LRScheduler:
    """The learning rate of each of `steps` steps: up over the warm-up, then down by a cosine.

    cycles: so often, each over its part of the epochs: Loshchilov and Hutter 2017
    (arXiv:1608.03983), with a warm-up.
    """
    if settings.cycles > 1:
        return _restarting(optimiser, settings, steps)
    if settings.schedule == "onecycle":
        total = steps + 1  # the schedule is asked once more after the last step
        # torch divides by the rise's last step, counted from 0: a rise of one step is no number.
        nudge = 1e-9 if settings.warmup * total == 1 else 0.0
        return OneCycleLR(
            optimiser,
            max_lr=settings.lr,
            total_steps=total,
            pct_start=settings.warmup + nudge,
            cycle_momentum=False,
        )
    return LambdaLR(optimiser, lambda step: _cosine(step, steps, settings.warmup))


def _restarting(optimiser: Optimizer, settings: Learning, steps: int) -> LRScheduler:
    starts = [0, *(end * steps // settings.epochs for end in cycle_ends(settings))]
    shape = _onecycle if settings.schedule == "onecycle" else _cosine

    def share(step: int) -> float:
        cycle = min(bisect.bisect_right(starts, step), settings.cycles) - 1
        length = starts[cycle + 1] - starts[cycle]
        return shape(step - starts[cycle], length, settings.warmup)

    return LambdaLR(optimiser, share)


def _cosine(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _onecycle(step: int, steps: int, warmup: float) -> float:
    """What OneCycleLR has in a cycle of steps + 1, as a share of its highest rate."""
    top = warmup * (steps + 1) - 1
    if step <= top:
        start, end, way = 1 / 25, 1.0, step / top if top else 0.0
    else:
        start, end, way = 1.0, 1 / 25e4, (step - top) / (steps - top)
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * way))


class WeightAverage:
    """The exponential running mean of a network's weights and buffers.

    The decay is warmed up, min(decay, (1 + t) / (10 + t)) at step t: a constant one still holds the
    first, random weights when a short run ends.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = AveragedModel(network, use_buffers=True)

    def update(self, network: nn.Module) -> None:
        """Take in the weights after a step; a decay of 0 means that nobody asks for the mean."""
        if not self.decay:
            return
        steps = int(self.average.n_averaged)
        decay = min(self.decay, self._highest_decay(steps))
        self.average.multi_avg_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.average.update_parameters(network)
        # A mean of whole numbers is cut to a lesser one: indices and counts are taken as they are.
        for kept, now in zip(self.average.module.buffers(), network.buffers(), strict=True):
            if not kept.is_floating_point():
                kept.copy_(now)

    def _highest_decay(self, taken: int) -> float:
        return (1 + taken) / (10 + taken)

    @property
    def network(self) -> nn.Module:
        """The network with the mean weights."""
        return self.average.module


class SnapshotMean(WeightAverage):
    """The plain mean of the weights and buffers at some moments: each weighs as much.

    Izmailov et al. 2018 (arXiv:1803.05407) make the norms' statistics anew by a pass over the
    images; here they are averaged too, which costs none.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network, 1.0)

    def _highest_decay(self, taken: int) -> float:
        return taken / (taken + 1)
