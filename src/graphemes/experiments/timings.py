"""Timings of alternating ways, and the figures made of them: n, median, deviation, mark."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Mark:
    """What a figure should reach: its ratio where it has one, else its median."""

    bound: float
    side: Literal["least", "most"] = "least"

    def reached(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return value >= self.bound if self.side == "least" else value <= self.bound


@dataclass(frozen=True)
class Figure:
    """One thing measured, once a repeat."""

    name: str
    unit: str
    values: tuple[float, ...]  # one a repeat
    images: int | None = None  # that each repeat went through
    against: str | None = None  # the name of what it is divided by
    ratios: tuple[float, ...] = ()  # to that, one a repeat: measured side by side
    mark: Mark | None = None
    about: str | None = None  # a word beside it

    @property
    def judged(self) -> float:
        """What the mark is held against."""
        return statistics.median(self.ratios or self.values)

    def record(self) -> dict[str, Any]:
        """What bench.json says of it."""
        found: dict[str, Any] = {
            "name": self.name,
            "unit": self.unit,
            "images": self.images,
            "n": len(self.values),
            "median": statistics.median(self.values),
            "std": deviation(self.values),
        }
        if self.ratios:
            found |= {"against": self.against, "ratio": self.judged}
            found |= {"ratio_std": deviation(self.ratios)}
        if self.mark is not None:
            found |= {"mark": self.mark.bound, "side": self.mark.side}
            found |= {"reached": self.mark.reached(self.judged)}
        return found if self.about is None else {**found, "about": self.about}


def deviation(values: tuple[float, ...]) -> float:
    """The standard deviation of a sample; 0 of a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def ratios(values: tuple[float, ...], others: tuple[float, ...]) -> tuple[float, ...]:
    """Each value over the other of its repeat."""
    return tuple(one / other for one, other in zip(values, others, strict=True))


def ratios_to(values: tuple[float, ...], others: tuple[float, ...]) -> tuple[float, ...]:
    """Each value over the median of others that were measured at another time."""
    return tuple(value / statistics.median(others) for value in values)


def alternating(
    ways: Mapping[str, Callable[[], float]], repeats: int, until: float = float("inf")
) -> dict[str, tuple[float, ...]]:
    """What each way gives, in rounds of all ways, so that a busy minute is shared by all.

    No round is begun that wouldn't end before `until` (time.monotonic), but for the first.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats):
        began = time.monotonic()
        for name, way in ways.items():
            found[name].append(way())
        took = time.monotonic() - began
        if repeat + 1 < repeats and time.monotonic() + took > until:
            break
    return {name: tuple(values) for name, values in found.items()}
