"""How much one address may ask: so many requests a second, with some at once."""

import time
from collections import OrderedDict
from collections.abc import Callable

ADDRESSES = 10_000  # that are remembered; of more the longest silent are forgotten


class RateLimit:
    """A bucket of tokens for each address, filled at a steady rate."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate`: requests a second, and at once twice as many; 0: no limit."""
        self._rate, self._clock = rate, clock
        self._most = max(1.0, 2 * rate)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """0 where the request may pass, and counts; else after how long one may."""
        if not self._rate:
            return 0.0
        now = self._clock()
        tokens, before = self._buckets.pop(address, (self._most, now))
        tokens = min(self._most, tokens + (now - before) * self._rate)
        passes = tokens >= 1
        self._buckets[address] = (tokens - 1 if passes else tokens, now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return 0.0 if passes else (1 - tokens) / self._rate
