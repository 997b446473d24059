"""What each of two processes does in test_ranks.py: python one_of_two.py FOLDER DEVICE."""

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, distributed, nn
from torch.nn import functional

from graphemes.foundation.environment import rank_variables
from graphemes.foundation.errors import Stopped
from graphemes.foundation.heads import HEADS
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.seeds import stream
from graphemes.foundation.settings.groups import Learning
from graphemes.images.sampling import Batches, RankBatches
from graphemes.network.devices import Engine
from graphemes.network.model import Logits
from graphemes.network.ranks import ALONE, Ranks, joined
from graphemes.network.weights import WeightsRecord
from graphemes.training.epoch import Batch, Learner, make_learner, train_epoch
from graphemes.training.fold import train_fold
from graphemes.training.fold_job import FoldJob
from graphemes.training.forecast import Deadline

IMAGES, BATCH, EPOCHS = 100, 32, 2  # 3 steps an epoch; 4 images are left out
SEEDS = (3, 0)
FOLDS = ("fold0", "fold1")  # one that is stopped on its way, and one that isn't
# What is learned how: the settings, and whether the norms stand still.
WAYS: dict[str, tuple[dict[str, object], bool]] = {
    "frozen": ({"batch_size": BATCH // 2}, True),
    "synchronised": ({"batch_size": BATCH // 2, "sync_norm": True}, False),
    "accumulated": ({"batch_size": BATCH // 4, "accumulate": 2}, True),
    "sgd": ({"batch_size": BATCH // 2, "optimiser": "sgd"}, True),
    "muon": ({"batch_size": BATCH // 2, "optimiser": "muon"}, True),
}


class Small(nn.Module):
    """The network's interface on two convolutions, with a norm of each kind."""

    def __init__(self, *, still: bool) -> None:
        super().__init__()
        self.still = still
        self.first = nn.Conv2d(1, 4, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, bias=False)
        self.last = nn.BatchNorm1d(6)
        self.heads = nn.ModuleDict({head.name: nn.Linear(6, head.classes) for head in HEADS})
        random = stream(0)
        with torch.no_grad():
            for parameter in self.parameters():
                drawn = random.normal(0, 0.3, parameter.shape)
                parameter.copy_(torch.from_numpy(drawn))

    def train(self, mode: bool = True) -> "Small":
        super().train(mode)
        for norm in (self.norm, self.last) if self.still else ():
            norm.eval()
        return self

    def forward(self, ink: Tensor) -> Logits:
        maps = functional.relu(self.norm(self.first(ink)))
        # What Adam makes of a gradient that is rounding alone would differ: a norm right behind a
        # convolution takes out what is constant in its maps.
        features = functional.relu(self.last(functional.relu(self.second(maps)).mean((2, 3))))
        return Logits(HEADS.map(lambda head: self.heads[head.name](features)))


@functools.cache
def images() -> Batch:
    random = stream(1)
    labels = HEADS.map(lambda head: random.integers(min(head.classes, 4), size=IMAGES))
    ink = random.random((IMAGES, 1, 9, 9)) * (1 + labels.root[:, None, None, None]) / 4
    return torch.from_numpy(ink.astype(np.float32)), labels.map(torch.from_numpy)


class Epochs:
    """One process's batches of the images."""

    def __init__(self, settings: Learning, ranks: Ranks) -> None:
        parts = ranks.size * settings.accumulate
        self.whole = Batches(np.arange(IMAGES), parts * settings.batch_size, SEEDS, parts)
        self.own = RankBatches(self.whole, ranks.rank, ranks.size, settings.accumulate)
        self.images, self.steps = self.whole.images, len(self.whole)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        self.whole.epoch, self.whole.start = number, start
        ink, labels = images()
        for keys in self.own:
            rows = [row for _, row in keys]
            yield ink[rows], labels.map(lambda column: column[rows])  # noqa: B023


def learned(
    way: str, ranks: Ranks = ALONE, device: str = "cpu", **otherwise: object
) -> tuple[Learner, list[float]]:
    """A learner after all epochs, and the loss of each."""
    values, still = WAYS[way]
    settings = Learning(epochs=EPOCHS, lr=0.01, ema=0.9, clip=0.5, **{**values, **otherwise})
    epochs = Epochs(settings, ranks)
    engine = Engine(torch.device(device), "fp32")
    learner = make_learner(Small(still=still), settings, engine, EPOCHS * epochs.steps, ranks)
    losses = [
        train_epoch(learner, epochs.epoch(k), (*SEEDS, k), lambda _count, **_facts: None).loss
        for k in range(EPOCHS)
    ]
    return learner, losses


def mixing_draws(ranks: Ranks, device: str = "cpu") -> list[int]:
    """A number of each batch's stream of mixing."""
    settings = Learning(epochs=1, batch_size=BATCH // 4, accumulate=2)
    epochs, drawn = Epochs(settings, ranks), []
    engine = Engine(torch.device(device), "fp32")
    learner = make_learner(Small(still=True), settings, engine, epochs.steps, ranks)

    def mix(ink: Tensor, labels: object, random: np.random.Generator, _done: float) -> tuple:
        drawn.append(int(random.integers(2**60)))
        return ink, labels

    learner.mix = mix
    train_epoch(learner, epochs.epoch(0), (*SEEDS, 0), lambda _count, **_facts: None)
    return drawn


class TwoSteps(Deadline):
    """Time for so many; an epoch has three."""

    steps = 2

    def note(self, seconds: float, pixels: float) -> None:
        super().note(seconds, pixels)
        self.steps -= 1

    def over(self, more: float = 0.0) -> bool:
        return self.steps <= 0


def fold_job(directory: Path, ranks: Ranks, deadline: Deadline) -> FoldJob:
    settings = Learning(epochs=EPOCHS, batch_size=BATCH // 2, lr=0.01)
    record = WeightsRecord({}, "0", 0, None, {}, {}, True, [168, 11, 7])
    paths = FoldPaths(directory)
    if ranks.is_first:
        paths.state.mkdir(parents=True, exist_ok=True)
    return FoldJob(
        paths=paths,
        seeds=SEEDS,
        settings=settings,
        engine=Engine(torch.device("cpu"), "fp32"),
        batches=Epochs(settings, ranks),
        validate=None,
        record=record,
        trained_on=np.arange(3),
        deadline=deadline,
        ranks=ranks,
    )


def main(out: Path, device: str) -> None:
    torch.backends.cudnn.allow_tf32 = False  # fp32 to its last digit
    if device != "cpu":  # two processes may share one GPU for a test, but not by nccl
        distributed.is_nccl_available = lambda: False
    with joined(rank_variables(os.environ)) as ranks:
        found: dict[str, Any] = {
            "rank": ranks.rank,
            "threads": torch.get_num_threads(),
            "mean": ranks.mean(3.0 * ranks.rank),
            "of_first": ranks.of_first(lambda: f"made by {ranks.rank}"),
            "gathered": ranks.gathered(f"from {ranks.rank}"),
        }
        for way in WAYS:
            learner, losses = learned(way, ranks, device)
            states = learner.network.cpu().state_dict(), learner.average.network.cpu().state_dict()
            found[way] = *states, losses
        found["mixing"] = mixing_draws(ranks, device)
        with ranks.first_before_others():
            here = out / "made"
            found["made before"] = here.exists()
            here.touch()
        # The first one's clock alone says that there is no more time, and it alone reads the files.
        found["stopped"] = []
        for _ in range(2):
            pressed = TwoSteps() if ranks.is_first else Deadline()
            try:
                train_fold(fold_job(out / "fold0", ranks, pressed), Small(still=False))
            except Stopped as stop:
                found["stopped"].append(str(stop))
        history = train_fold(fold_job(out / "fold0", ranks, Deadline()), Small(still=False))
        found["history"] = history.epochs, history.image_passes
        train_fold(fold_job(out / "fold1", ranks, Deadline()), Small(still=False))
        ranks.meet()  # the first has written both
        found["states"] = [load_file(out / name / "weights.safetensors") for name in FOLDS]
    torch.save(found, out / f"rank{found['rank']}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
