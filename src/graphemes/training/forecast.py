"""What a fold's epochs cost, how long they will take here, and whether a deadline leaves one."""

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
MARGIN = 1.1  # what a deadline leaves an epoch, as a share of it


@dataclass
class Deadline:
    """When a run has to end, on time.monotonic's clock, and how fast its epochs are."""

    at: float | None = None
    slowest: float = 0.0  # most seconds a pixel of the epochs so far, in any of the run's folds
    setting: str = "time_limit"  # that it comes from

    def leaves_an_epoch(self, pixels: float) -> bool:
        """Whether an epoch of so many pixels would end in time, with a tenth to spare."""
        return self.at is None or time.monotonic() + MARGIN * pixels * self.slowest < self.at

    def note(self, seconds: float, pixels: float) -> None:
        """An epoch of so many pixels and its validation took so long."""
        self.slowest = max(self.slowest, seconds / pixels)


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
        judged = VALIDATION_COST * self.validation_images * self.validation_pixels
        return tuple(self.images * pixels + judged for pixels in self.pixels)


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
        what = counted(len(left), "epoch") + (" more" if self.done else "")
        validated = self.work.validation_images
        counts = "validation counted, tables not" if validated else "tables not counted"
        text = f"fold {self.fold}: about {duration(sum(left))} for {what}"
        if self.to_come:
            together = duration(sum(left) + self.to_come * whole)
            text += f", {together} with the {counted(self.to_come, 'fold')} after it"
        text += f" (from the first {batches} batches, {rate:.0f} images/s; {counts})"
        fits = self._fitting(left)
        if fits < len(left):
            text += (
                f"; {self.deadline.setting} will stop it after about epoch {self.done + fits} of"
                f" {len(epochs)}, and the same command goes on"
            )
        return text

    def _fitting(self, left: list[float]) -> int:
        """How many of the epochs that are left, of so many seconds, begin before the deadline."""
        if self.deadline.at is None or self.began is None:
            return len(left)
        time_left = self.deadline.at - self.began
        # The first one is under way, whatever it takes; each other begins if it fits.
        spent = 0.0
        for number, seconds in enumerate(left):
            if number and spent + MARGIN * seconds >= time_left:
                return number
            spent += seconds
        return len(left)
