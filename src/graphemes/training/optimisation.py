"""AdamW, its learning rate over the steps, and the running mean of the weights."""

import math

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from graphemes.foundation.settings.groups import Learning


def make_optimiser(network: nn.Module, settings: Learning) -> AdamW:
    """AdamW with weight decay on convolutions and linear weights only, not on norms and biases."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    fused = next(network.parameters()).device.type in ("cpu", "cuda")
    return AdamW(groups, lr=settings.lr, fused=fused)


def make_schedule(optimiser: Optimizer, settings: Learning, steps: int) -> LRScheduler:
    """The learning rate of each of `steps` steps: up over the warm-up, then down by a cosine."""
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
    rising = max(1, round(settings.warmup * steps))

    def share(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))

    return LambdaLR(optimiser, share)


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
        decay = min(self.decay, (1 + steps) / (10 + steps))
        self.average.multi_avg_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.average.update_parameters(network)
        # A mean of whole numbers is cut to a lesser one: indices and counts are taken as they are.
        for kept, now in zip(self.average.module.buffers(), network.buffers(), strict=True):
            if not kept.is_floating_point():
                kept.copy_(now)

    @property
    def network(self) -> nn.Module:
        """The network with the mean weights."""
        return self.average.module
