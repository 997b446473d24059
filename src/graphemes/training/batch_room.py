"""How large a batch a GPU has room for, found by steps that are thrown away.

B images of a batch, H x W pixels.
"""

import gc
import traceback

import torch

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.settings.types import ImageSize
from graphemes.foundation.shortages import is_memory_shortage
from graphemes.training.epoch import Learner, trial_step

MemoryBatch = tuple[torch.Tensor, PerHead[torch.Tensor]]


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
            trial_step(learner, *random_batch(size, batch, learner.engine.device))
        except (RuntimeError, MemoryError) as error:
            if not is_memory_shortage(error):
                raise
            traceback.clear_frames(error.__traceback__)  # which hold its tensors
            batch //= 2
        else:
            return batch
    return None


def random_batch(size: ImageSize, batch: int, device: torch.device | None = None) -> MemoryBatch:
    """Ink (B, 1, H, W) and labels of nothing in particular, on a device."""
    ink = torch.rand(batch, 1, *size, device=device)
    return ink, HEADS.map(lambda head: torch.randint(head.classes, (batch,), device=device))
