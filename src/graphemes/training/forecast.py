"""What a fold's epochs cost, how long they will take here, and when a deadline stops them."""

import itertools
import time
from dataclasses import dataclass
from typing import Self

from graphemes.foundation.progress import Advance, counted, duration, say
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.training.phases import training_size

WARM = 3  # batches that aren't timed: libraries choose their kernels, workers start
BATCHES = 20
SECONDS = 10.0
# Of the time that a picture takes in training: a forward pass without a backward pass, which is
# two.
VALIDATION_COST = 1 / 3


@dataclass
class Deadline:
    """When a run has to end, on time.monotonic's clock, and how fast it is."""

    at: float | None = None
    setting: str = "time_limit"  # that it comes from
    afterwards: float = 0.0  # pixels to read once training has stopped, as `Work` counts them
    rate: float = 0.0  # seconds a pixel of the epoch at work

    def over(self, more: float = 0.0) -> bool:
        """Whether so many seconds more, and what comes afterwards, wouldn't end in time."""
        ahead = more + self.afterwards * self.rate
        return self.at is not None and time.monotonic() + ahead >= self.at

    def note(self, seconds: float, pixels: float) -> None:
        """So many pixels of training pictures took so long."""
        self.rate = seconds / pixels


@dataclass(frozen=True)
class Work:
    """What each epoch of a fold costs, in pixels of training pictures that cost as much."""

    images: int  # of an epoch
    pixels: tuple[int, ...]  # of a training picture in epochs 0, 1, ...
    validation_images: int = 0
    validation_pixels: int = 0  # of a picture

    @classmethod
    def of(cls, settings: Learning, images: int, validation_images: int) -> Self:
        """Of a fold with these settings and counts."""
        sizes = [training_size(settings, epoch) for epoch in range(settings.epochs)]
        judged = _pixels(settings.image_size)
        return cls(images, tuple(map(_pixels, sizes)), validation_images, judged)

    @property
    def epochs(self) -> tuple[float, ...]:
        """Pixels of epochs 0, 1, ... with their validation."""
        return tuple(self.images * pixels + self.validation for pixels in self.pixels)

    @property
    def validation(self) -> float:
        """Of an epoch, as so many pixels of training pictures."""
        return VALIDATION_COST * self.validation_images * self.validation_pixels


def _pixels(size: ImageSize) -> int:
    return size.height * size.width


@dataclass
class Forecast:
    """The first epoch that this process trains, timed until a forecast can be made of it."""

    fold: str
    work: Work
    done: int  # epochs, of an earlier call
    deadline: Deadline
    to_come: int = 0  # folds to train after this one
    begun: int = 0  # images of the epoch after them that the earlier call trained on
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
        speed = rate * self.work.pixels[self.done]
        epochs = [pixels / speed for pixels in self.work.epochs]  # seconds
        left, whole = epochs[self.done :], sum(epochs)
        left[0] -= self.begun / rate
        what = counted(len(left), "epoch") + (" more" if self.done else "")
        validated = self.work.validation_images
        counts = "validation counted, tables not" if validated else "tables not counted"
        text = f"fold {self.fold}: about {duration(sum(left))} for {what}"
        if self.to_come:
            together = duration(sum(left) + self.to_come * whole)
            text += f", {together} with the {counted(self.to_come, 'fold')} after it"
        text += f" (from the first {batches} batches, {rate:.0f} images/s; {counts})"
        if (epoch := self._last(left, speed)) is not None:
            text += (
                f"; {self.deadline.setting} will stop it in about epoch {epoch} of {len(epochs)},"
                " and the same command goes on"
            )
        return text

    def _last(self, left: list[float], speed: float) -> int | None:
        """The epoch in which the deadline comes; None if those left, of so many seconds, fit."""
        if self.deadline.at is None or self.began is None:
            return None
        ends = self.deadline.at - self.began - self.deadline.afterwards / speed
        for epoch, spent in enumerate(itertools.accumulate(left), self.done + 1):
            if spent >= ends:
                return epoch
        return None
