"""Networks and pictures to probabilities.

N images, B of a batch, C classes of one head.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.progress import Advance
from graphemes.network.devices import Engine

Probabilities = PerHead[npt.NDArray[np.float32]]  # (N, C) for each head, rows summing to 1


def probabilities(
    networks: Sequence[nn.Module],
    batches: Iterable[tuple[Tensor, PerHead[Tensor]]],
    engine: Engine,
    advance: Advance,
) -> Probabilities:
    """The mean over the networks of their softmax, in the batches' order."""
    parts: PerHead[list[npt.NDArray[np.float32]]] = HEADS.map(lambda _: [])
    for network in networks:
        network.eval()
    for ink, _ in batches:
        for part, value in zip(parts, _batch(networks, ink, engine), strict=True):
            part.append(value.cpu().numpy())
        advance(len(ink))
    return PerHead(
        *(
            np.concatenate(part) if part else np.empty((0, head.classes), np.float32)
            for head, part in zip(HEADS, parts, strict=True)
        )
    )


@torch.inference_mode()
def _batch(networks: Sequence[nn.Module], ink: Tensor, engine: Engine) -> PerHead[Tensor]:
    ink = ink.to(engine.device, non_blocking=True, memory_format=torch.channels_last)
    sums = None
    for network in networks:
        with engine.arithmetic():
            logits = network(ink)
        softmax = PerHead(*(head.float().softmax(dim=1) for head in logits))
        sums = softmax if sums is None else PerHead(*map(torch.add, sums, softmax))
    assert sums is not None, "no networks"
    return sums.map(lambda head: head / len(networks))
