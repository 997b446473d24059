"""The picture of an ablation: each variation's scores over its seeds, against the baseline's."""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphemes.experiments.ablation_table import Measure, Result, with_spread
from graphemes.foundation.files import replacing
from graphemes.foundation.settings.variations import BASELINE

_LEGEND = (
    "decided score, out of fold, nested: mean and standard deviation over seeds (dots);"
    " hollow: by argmax\n"
    "blue, orange: gain, loss that seeds alone make once in twenty (Student's t, paired by seed)"
)
# Standard errors that a gain of n seeds exceeds by chance once in twenty, either way: Student's t
# with n - 1 degrees of freedom.
_SURE = {2: 12.7, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
_SURE_OF_MORE = 2.23
_WIDE = 34  # letters of a line of a variation's name
_BETTER, _WORSE, _SAME, _PLAIN = "#2b6cb0", "#dd6b20", "#718096", "#1a202c"
_LINE, _GAP, _BELOW = 0.16, 0.26, 0.09  # inches


def draw_ablation(path: Path, results: Sequence[Result], title: str) -> None:
    """Write a PNG: the mean of each variation with its standard deviation, its seeds as dots."""
    names = [_wrapped(result.variation) for result in results]
    heights = [_LINE * (name.count("\n") + 1) + _GAP for name in names]
    places = [sum(heights[:row]) + heights[row] / 2 for row in range(len(heights))]
    looks = {"font.size": 8.5, "axes.spines.top": False, "axes.spines.right": False}
    with style.context(looks, after_reset=True):  # whatever a matplotlibrc here says
        figure = Figure(figsize=(9, max(2.2, sum(heights) + 1.2)), layout="constrained")
        axes = figure.subplots()
        for place, result in zip(places, results, strict=True):
            _draw(axes, place, result)
        _draw_baseline(axes, results)
        axes.set_yticks(places, names)
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(sum(heights), 0)
        axes.margins(x=0.08)
        axes.set_xlabel(_LEGEND)
        figure.suptitle(title, fontsize=9)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110)


def _wrapped(variation: str) -> str:
    """A long name in lines, broken between its settings where that is enough."""
    parts = re.split(r"(?<=\+)", variation)
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) > _WIDE:
            lines.append("")
        lines[-1] += part
    return "\n".join(piece for line in lines for piece in textwrap.wrap(line, _WIDE))


def _draw(axes: Axes, place: float, result: Result) -> None:
    found = result.measure("decided")
    colour = _colour(result.variation, found)
    values = result.values("decided")
    below = [place + _BELOW] * len(values)
    axes.plot(values, below, "o", ms=3.5, color=colour, alpha=0.6, mew=0)
    axes.plot([result.mean("score")], [place], "D", ms=5, mfc="none", color=colour, alpha=0.6)
    axes.errorbar(
        [found.mean], [place], xerr=found.deviation, fmt="D", ms=5, color=colour, capsize=3
    )
    text = f"{with_spread(found.mean, found.deviation)}, n={len(values)}"
    if found.gain is not None:
        text += f"\ngain {with_spread(found.gain, found.error, '+.4f')}"
    text = text.replace("+-", "\u00b1")
    right = axes.get_yaxis_transform()  # across: shares of the axes
    axes.text(1.01, place, text, transform=right, va="center", color=colour)


def _draw_baseline(axes: Axes, results: Sequence[Result]) -> None:
    """The baseline's mean as a line through all, its deviation as a band."""
    for result in results:
        if result.variation == BASELINE:
            found = result.measure("decided")
            axes.axvline(found.mean, color=_PLAIN, lw=0.8, zorder=0)
            if found.deviation:
                left, right = found.mean - found.deviation, found.mean + found.deviation
                axes.axvspan(left, right, color=_PLAIN, alpha=0.07, lw=0, zorder=0)


def _colour(variation: str, found: Measure) -> str:
    """Blue or orange for a gain or loss that is more than chance."""
    if variation == BASELINE:
        return _PLAIN
    if found.gain is None or found.error is None:
        return _SAME
    if abs(found.gain) <= _SURE.get(found.pairs, _SURE_OF_MORE) * found.error:
        return _SAME
    return _BETTER if found.gain > 0 else _WORSE
