"""How large a batch a GPU has room for, found by steps that are thrown away.

B images of a batch, H x W pixels.
"""

import gc
import traceback

import torch

from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.types import ImageSize
from graphemes.foundation.shortages import is_memory_shortage
from graphemes.network.gradient_checkpointing import recomputing
from graphemes.training.epoch import Learner


def fitting_batch(learner: Learner, size: ImageSize, most: int) -> int | None:
    """The greatest half, quarter, ... of `most` images whose step has room; None where none has.

    Of at least 2 images. Each is tried by a step, so the learner is of no use afterwards.
    """
    batch = most // 2
    while batch >= 2:
        gc.collect()
        if learner.engine.device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            _step(learner, size, batch)
        except (RuntimeError, MemoryError) as error:
            if not is_memory_shortage(error):
                raise
            traceback.clear_frames(error.__traceback__)  # which hold its tensors
            batch //= 2
        else:
            return batch
    return None


def _step(learner: Learner, size: ImageSize, batch: int) -> None:
    device = learner.engine.device
    learner.optimiser.zero_grad(set_to_none=True)
    ink = torch.rand(batch, 1, *size, device=device).to(memory_format=torch.channels_last)
    labels = HEADS.map(lambda head: torch.randint(head.classes, (batch,), device=device))
    with learner.engine.autocast(training_width=size.width):
        loss = learner.loss(learner.parallel(ink), labels, learner.done)
    with recomputing(learner.network):
        learner.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    learner.scaler.step(learner.optimiser)  # whose moments take room too
