"""Between two steps: the state is written when it is time, and a fold stops where it has to."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from graphemes.foundation.errors import Stopped
from graphemes.foundation.stopping import StopWish
from graphemes.network.ranks import Ranks
from graphemes.training.epoch import Begun
from graphemes.training.forecast import Deadline

_BEFORE_VALIDATION = 60.0  # seconds of training that an end within it may cost
_GO_ON, _WRITE, _OUT_OF_TIME, _ASKED = range(4)  # what one process says; the greatest holds for all


@dataclass
class Pauses:
    """What is done after each step of one epoch."""

    write: Callable[[Begun], None]  # the state, by all processes together
    stopped: Callable[[Begun, str], Stopped]  # by which setting or signal
    every: float  # seconds between two states; 0: after each step
    deadline: Deadline
    ranks: Ranks
    wish: StopWish
    steps: int  # of the epoch
    picture: int  # pixels
    validation: float  # pixels, as `Work` counts them; 0: none follows the epoch
    written: float = field(default_factory=time.monotonic)  # when the last state was
    since: float = field(default_factory=time.monotonic)  # the last step's end
    longest: float = 0.0  # seconds of a step
    writing: float = 0.0  # seconds that a state took

    def after_step(self, begun: Begun) -> None:
        """Write the state if it is time; raise Stopped, the state written, where it has to end."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self.since)
        self.deadline.note(begun.seconds, begun.images * self.ranks.size * self.picture)
        word = self.ranks.greatest(self._word(begun, now))
        if word != _GO_ON:
            self.write(begun)
            self.written = time.monotonic()
            self.writing = self.written - now
        if word == _OUT_OF_TIME:
            raise self.stopped(begun, self.deadline.setting)
        if word == _ASKED:
            raise self.stopped(begun, "SIGTERM")
        self.since = time.monotonic()

    def _word(self, begun: Begun, now: float) -> int:
        if self.wish.asked:
            return _ASKED
        # Before the next look at the clock there is a step, or the validation.
        last = begun.steps == self.steps
        next_look = self.validation * self.deadline.rate if last else self.longest
        if self.deadline.over(next_look + self.writing):
            return _OUT_OF_TIME
        # A validation isn't held back from SIGTERM, so what it might lose is soon had again.
        every = min(self.every, _BEFORE_VALIDATION) if last and self.validation else self.every
        return _WRITE if now - self.written >= every else _GO_ON
