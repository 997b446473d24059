"""Telling two sets of pictures apart: how well a small network learns it.

N pictures of each set, H x W pixels.
"""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from graphemes.foundation.progress import progress
from graphemes.foundation.seeds import seed_at, stream

EPOCHS = 12
BATCH = 64


def classifier_auc(first: Tensor, second: Tensor, seed: int = 0) -> float:
    """The area under the ROC curve of a small network on the half of both sets it didn't learn.

    first, second: (N, 1, H, W) float32. 0.5: it can't tell one from the other; 1: always.
    """
    pictures = torch.cat([first, second])
    truth = torch.cat([torch.zeros(len(first)), torch.ones(len(second))])
    order = torch.from_numpy(stream(seed, 0).permutation(len(pictures)))
    learned, held = order[: len(order) // 2], order[len(order) // 2 :]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_at(seed, 1))
        network = _network()
        _learn(network, pictures[learned], truth[learned], seed)
    network.eval()
    with torch.no_grad():
        said = torch.cat([network(part) for part in torch.split(pictures[held], 256)])[:, 0]
    return float(roc_auc_score(truth[held].numpy(), said.numpy()))


def _network() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 32), (32, 64), (64, 96)):
        layers += [
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 1))


def _learn(network: nn.Module, pictures: Tensor, truth: Tensor, seed: int) -> None:
    steps = EPOCHS * (len(pictures) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, max(steps, 2))
    network.train()
    with progress("learning to tell real from drawn", EPOCHS * len(pictures)) as advance:
        for epoch in range(EPOCHS):
            order = stream(seed, 2, epoch).permutation(len(pictures))
            for rows in np.split(order, range(BATCH, len(order), BATCH)):
                if len(rows) < BATCH:
                    continue
                said = network(pictures[rows])[:, 0]
                loss = nn.functional.binary_cross_entropy_with_logits(said, truth[rows])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                advance(len(rows))
