"""Networks and pictures to probabilities.

N images, B of a batch, C classes of one head.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from graphemes.foundation.heads import HEADS, PerHead, Probabilities
from graphemes.foundation.progress import Advance
from graphemes.foundation.settings.types import Tta
from graphemes.inference.views import VIEWS, views
from graphemes.network.devices import Engine
from graphemes.network.model import Logits


def probabilities(
    networks: Sequence[nn.Module],
    batches: Iterable[tuple[Tensor, PerHead[Tensor]]],
    engine: Engine,
    advance: Advance,
    tta: Tta = "none",
) -> Probabilities:
    """The mean over networks and views of their probabilities, in the batches' order."""
    parts: PerHead[list[npt.NDArray[np.float32]]] = HEADS.map(lambda _: [])
    for network in networks:
        # Through train: some of timm's models keep what they worked out since they went to eval,
        # whatever became of their weights (efficientformer's attention_bias_cache in older
        # versions).
        network.train().eval()
    for ink, _ in batches:
        for part, value in zip(parts, _batch(networks, ink, engine, tta), strict=True):
            part.append(value.cpu().numpy())
        advance(len(ink))
    return PerHead(
        *(
            np.concatenate(part) if part else np.empty((0, head.classes), np.float32)
            for head, part in zip(HEADS, parts, strict=True)
        )
    )


@torch.inference_mode()
def _batch(networks: Sequence[nn.Module], ink: Tensor, engine: Engine, tta: Tta) -> PerHead[Tensor]:
    ink = ink.to(engine.device, non_blocking=True, memory_format=torch.channels_last)
    sums = None
    for view in views(ink, tta):
        for network in networks:
            with engine.autocast():
                logits: Logits = network(view)
            softmax = logits.probabilities()
            sums = softmax if sums is None else PerHead(*map(torch.add, sums, softmax))
    assert sums is not None, "no networks"
    return sums.map(lambda head: head / (len(networks) * VIEWS[tta]))
