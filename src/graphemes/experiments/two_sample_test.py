"""A classifier two-sample test: how well a small network tells two sets of pictures apart.

Lopez-Paz and Oquab 2017 (arXiv:1610.06545). N pictures of each set, H x W pixels.
"""

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from graphemes.foundation.progress import progress
from graphemes.foundation.seeds import TEST_SHUFFLE, TEST_SPLIT, TEST_WEIGHTS
from graphemes.network.devices import Engine
from graphemes.training.epoch import Learner, train_epoch
from graphemes.training.optimisation import WeightAverage

EPOCHS = 12
BATCH = 64
_CPU = Engine(torch.device("cpu"), "fp32")


def classifier_auc(first: Tensor, second: Tensor, seed: int = 0) -> float:
    """The area under the ROC curve of a small network on the half of both sets it didn't learn.

    first, second: (N, 1, H, W) float32. 0.5: it can't tell one from the other; 1: always.
    """
    pictures = torch.cat([first, second])
    truth = torch.cat([torch.zeros(len(first)), torch.ones(len(second))])
    order = torch.from_numpy(TEST_SPLIT.stream(seed).permutation(len(pictures)))
    learned, held = order[: len(order) // 2], order[len(order) // 2 :]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TEST_WEIGHTS.seed(seed))
        network = _network()
        _train(network, pictures[learned], truth[learned], seed)
    network.eval()
    with torch.no_grad():
        scores = torch.cat([network(part) for part in torch.split(pictures[held], 256)])
    return float(roc_auc_score(truth[held].numpy(), scores[:, 0].numpy()))


def _network() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 32), (32, 64), (64, 96)):
        layers += [
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 1))


def _train(network: nn.Module, pictures: Tensor, truth: Tensor, seed: int) -> None:
    steps = len(pictures) // BATCH
    learner = _learner(network, EPOCHS * steps)
    with progress("learning to tell real from drawn", EPOCHS * len(pictures)) as advance:
        for epoch in range(EPOCHS if steps else 0):
            order = TEST_SHUFFLE.stream(seed, epoch).permutation(len(pictures))
            batches = [order[k * BATCH : (k + 1) * BATCH] for k in range(steps)]
            pairs = [(pictures[rows], truth[rows]) for rows in batches]
            train_epoch(learner, pairs, (seed, 0, epoch), advance)


def _learner(network: nn.Module, steps: int) -> Learner:
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.05)
    return Learner(
        network=network,
        parallel=network,
        average=WeightAverage(network, 0),
        optimiser=optimiser,
        schedule=torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, max(steps, 2)),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        engine=_CPU,
        clip=float("inf"),
        loss=lambda scores, labels, _done: nn.functional.binary_cross_entropy_with_logits(
            scores[:, 0], labels
        ),
    )
