"""Degradation: whether deeper networks learn even what they train on worse, as plain ones did.

He et al. 2015 (arXiv:1512.03385), figures 1 and 4. N pictures, H x W pixels.
"""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor, nn
from torch.nn import functional

from graphemes.foundation.files import replacing
from graphemes.foundation.heads import HEADS
from graphemes.foundation.progress import Advance
from graphemes.foundation.seeds import DEGRADATION_SHUFFLE, DEGRADATION_WEIGHTS
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import Shortcut
from graphemes.network.devices import Engine
from graphemes.network.gradient_checkpointing import frozen_norm_statistics
from graphemes.network.resnet import BasicBlock, ResNet
from graphemes.training.epoch import NotFinite, make_learner, train_epoch

# Layers to blocks a stage: table 1's two networks of basic blocks, and one twice as deep.
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 66: (6, 8, 12, 6)}
# Zeros for new channels, so that both kinds have the same weights (option A, as in figure 4).
KINDS: dict[str, Shortcut] = {"plain": "none", "residual": "pad"}
BATCH = 32
# Of AdamW: with ten times as much not even 18 plain layers learn 512 pictures in 30 epochs (error
# 0.89), with this they learn all of them in half of that.
RATE = 3e-4


def training_errors(
    pictures: Tensor,
    roots: Tensor,
    *,
    layers: int,
    kind: str,
    epochs: int,
    seed: int,
    engine: Engine,
    advance: Advance,
) -> list[float]:
    """The share of wrong roots among the training pictures themselves, after each epoch.

    pictures (N, 1, H, W), roots (N,). The error is of the batches as training sees them, with
    their own statistics: running ones lag behind in so few steps.
    """
    # No decay of weights: it is asked what can be learned by heart.
    learning = Learning(epochs=epochs, lr=RATE, weight_decay=0, ema=0)
    steps = len(pictures) // BATCH
    learner = make_learner(fresh_network(kind, layers, seed), learning, engine, epochs * steps)
    learner = dataclasses.replace(learner, loss=_loss)
    errors = []
    for epoch in range(epochs):
        order = DEGRADATION_SHUFFLE.stream(seed, epoch).permutation(len(pictures))
        rows = [torch.from_numpy(part) for part in np.array_split(order, steps)]
        batches = [(pictures[part], roots[part]) for part in rows]
        try:
            train_epoch(learner, batches, (seed, 0, epoch), advance)
        except NotFinite as error:
            raise NotFinite(f"{kind}, {layers} layers, seed {seed}, {error}") from None
        with torch.no_grad(), frozen_norm_statistics(learner.network):
            right = sum(_right(learner.network, *batch, engine) for batch in batches)
        errors.append(1 - right / len(pictures))
    return errors


def _loss(logits: Tensor, roots: Tensor, _done: float) -> Tensor:
    return functional.cross_entropy(logits.float(), roots)


def _right(network: nn.Module, pictures: Tensor, roots: Tensor, engine: Engine) -> int:
    with engine.autocast():
        ink = pictures.to(engine.device, memory_format=torch.channels_last)
        guess = network(ink).argmax(1)
    return int((guess.cpu() == roots).sum())


def fresh_network(kind: str, layers: int, seed: int) -> ResNet:
    """Equal weights for both kinds: they differ in their shortcuts alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(DEGRADATION_WEIGHTS.seed(seed, layers))
        shape = (BasicBlock, DEPTHS[layers], 1, HEADS.root.classes)
        network = ResNet(*shape, shortcut=KINDS[kind])
    for block in network.modules():
        if isinstance(block, BasicBlock):
            # A residual block would begin as its shortcut; a plain one has none and can't.
            nn.init.ones_(block.get_parameter(f"{block.last_norm}.weight"))
    return network


def verdict(by_layers: dict[int, list[list[float]]]) -> str:
    """Whether the deepest networks end with a greater error than the shallowest, seeds compared."""
    shallow, deep = min(by_layers), max(by_layers)
    one, other = ([run[-1] for run in by_layers[layers]] for layers in (shallow, deep))
    every = f"every training of {deep} layers ends with a"
    if min(other) > max(one):
        return f"degradation: {every} greater error than any of {shallow}"
    if max(other) < min(one):
        return f"depth helps: {every} smaller error than any of {shallow}"
    return f"no degradation at this scale: trainings of {shallow} and {deep} layers overlap"


def draw_degradation(
    path: Path, errors: dict[str, dict[int, list[list[float]]]], about: str
) -> None:
    """Write a PNG: plain networks on the left, residual ones on the right, a line a depth.

    errors: by kind and layers, a list of errors by epoch for each seed; a line is their mean, the
    ground behind it goes from the least to the greatest. about: the title.
    """
    looks = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with style.context(looks, after_reset=True):  # whatever a matplotlibrc here says
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        for side, (kind, by_layers) in zip(
            figure.subplots(1, 2, sharey=True), errors.items(), strict=True
        ):
            for layers, runs in by_layers.items():
                epochs = np.arange(1, len(runs[0]) + 1)
                (line,) = side.plot(epochs, np.mean(runs, 0), lw=1.5, label=f"{layers} layers")
                side.fill_between(
                    epochs, np.min(runs, 0), np.max(runs, 0), color=line.get_color(), alpha=0.2
                )
            side.set(title=kind, xlabel="epoch", ylim=(0, 1))
            side.xaxis.set_major_locator(MaxNLocator(integer=True))
            side.legend(frameon=False)
        figure.suptitle(about, fontsize=9)
        figure.axes[0].set_ylabel("wrong roots among the training images")
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110)
