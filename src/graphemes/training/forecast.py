"""How long a fold's training will take here, said once from its first steps."""

import math
import time
from dataclasses import dataclass

from graphemes.foundation.progress import Advance, counted, duration, say

WARM = 3  # batches that aren't timed: libraries choose their kernels, workers start
BATCHES = 20
SECONDS = 10.0
# Of the time that a picture takes in training: a forward pass without a backward pass, which is
# two.
VALIDATION_COST = 1 / 3
MARGIN = 1.1  # what a deadline leaves an epoch, as a share of it


@dataclass
class Forecast:
    """The first epoch that this process trains, timed until a forecast can be made of it."""

    fold: str
    epochs: int
    done: int  # epochs, of an earlier call
    images: int  # of an epoch
    validation_images: int = 0
    to_come: int = 0  # folds after this one
    ends: float | None = None  # the deadline, on time.monotonic's clock
    began: float | None = None  # set when the first epoch is watched

    def watching(self, advance: Advance) -> Advance:
        """`advance` of an epoch's progress; the first one's says the forecast on the way, once.

        An epoch that ends before says by itself what is left, and so do all that follow.
        """
        if self.began is not None:
            return advance
        batches, seen = 0, 0
        since = self.began = time.monotonic()
        said = False

        def counting(count: int, **facts: str) -> None:
            nonlocal batches, seen, since, said
            advance(count, **facts)
            batches += 1
            if batches <= WARM:
                since = time.monotonic()
                return
            seen += count
            spent = time.monotonic() - since
            if not said and batches >= WARM + BATCHES and spent >= SECONDS:
                said = True
                say(self.sentence(seen / spent, batches))

        return counting

    def sentence(self, rate: float, batches: int) -> str:
        """What `rate` images/s, seen in so many batches, mean for the fold."""
        left = self.epochs - self.done
        epoch = self._epoch_seconds(rate)
        what = counted(left, "epoch") + (" more" if self.done else "")
        counts = (
            "validation counted, tables not" if self.validation_images else "tables not counted"
        )
        text = f"fold {self.fold}: about {duration(left * epoch)} for {what}"
        if self.to_come:
            whole = left * epoch + self.to_come * self.epochs * epoch
            text += f", {duration(whole)} with the {counted(self.to_come, 'fold')} after it"
        text += f" (from the first {batches} batches, {rate:.0f} images/s; {counts})"
        stops = self._stops_after(epoch)
        if stops is not None:
            text += (
                f"; time_limit will stop it after about epoch {stops} of {self.epochs}, and the"
                " same command goes on"
            )
        return text

    def _epoch_seconds(self, rate: float) -> float:
        return (self.images + VALIDATION_COST * self.validation_images) / rate

    def _stops_after(self, epoch: float) -> int | None:
        """The last epoch before the deadline; None if there is time for all."""
        if self.ends is None or self.began is None:
            return None
        # The first one is under way, whatever it takes; each other begins if it fits.
        fits = max(1, math.ceil((self.ends - self.began) / epoch - MARGIN))
        return self.done + fits if self.done + fits < self.epochs else None
