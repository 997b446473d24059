"""Charts as SVG within a page: drawn by matplotlib, in the page's own colours and letters.

Colours are words of the page's style sheet, so that a chart follows it from light to dark.
"""

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graphemes.evaluation.calibration import Calibration
from graphemes.foundation.arrays import Floats, Integers
from graphemes.foundation.heads import HEADS, PerHead

_HUES = 5  # of lines beside each other
# What matplotlib draws with, each to become a word of the style sheet.
_COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "grid": "#030303",
    "root": "#040404",
    "vowel": "#050505",
    "consonant": "#060606",
    "accent": "#070707",
    **{f"line-{number}": f"#0808{number:02}" for number in range(_HUES)},
}
INK, MUTED, GRID, ACCENT = (_COLOURS[key] for key in ("ink", "muted", "grid", "accent"))
OF_HEAD = PerHead(*(_COLOURS[head.name] for head in HEADS))
# Of five lines each has a dash of its own, for who can't tell hues apart; of 25 none is another's.
_LINES = [_COLOURS[f"line-{number}"] for number in range(_HUES)]
_DASHES: list[Any] = [
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.6, 1.2, 1.6)),
    (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
]
_DASH, _LETTER = 45, 5  # points that an entry of a legend takes, and each of its letters
FEWEST = 10  # images of a bin of calibration that is drawn: fewer say nothing of its share
_TICKS = 5  # of an axis of scores: four decimals each, as narrow as a phone
_WIDTH = 4.6  # inches: letters stay legible where a phone shows it at 330 points
_LOOKS = {
    "svg.fonttype": "none",  # letters stay text: to be found, read aloud, in the page's font
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True)
class Line:
    """One mark of a chart of scores: a published one or our own."""

    label: str
    value: float
    own: bool = False


def scores_chart(lines: Sequence[Line]) -> Markup:
    """Scores as dots on one axis, one below the other, our own marked."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(lines))[::-1]
        for place, line in zip(places, lines, strict=True):
            colour = ACCENT if line.own else MUTED
            weight = "bold" if line.own else "normal"
            axes.plot(line.value, place, "o", color=colour, ms=8 if line.own else 5, zorder=3)
            axes.annotate(
                f"{line.value:.4f}",
                (line.value, place),
                (9, 0),
                textcoords="offset points",
                va="center",
                color=colour,
                weight=weight,
            )
        axes.set_yticks(places, [line.label for line in lines])
        _mark_own(axes, [line.own for line in lines])
        values = [line.value for line in lines]
        room = max(values) - min(values) or 0.01
        axes.set_xlim(min(values) - 0.08 * room, max(values) + 0.34 * room)
        axes.set_ylim(-0.7, len(lines) - 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=_TICKS))
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0)
        axes.grid(axis="y")
        axes.grid(visible=False, axis="x")

    said = "; ".join(f"{line.label} {line.value:.4f}" for line in lines)
    return _drawn(draw, 0.28 * len(lines) + 0.6, f"Scores: {said}", "scores")


def _mark_own(axes: Axes, own: Sequence[bool]) -> None:
    """The labels of rows, our own marked."""
    for label, mine in zip(axes.get_yticklabels(), own, strict=True):
        label.set_color(ACCENT if mine else INK)
        label.set_fontweight("bold" if mine else "normal")


def curves_chart(logs: dict[str, list[dict[str, Any]]]) -> Markup:
    """The loss of training and the score on the fold, epoch by epoch, a line a fold or run."""
    several = len(logs) > 1

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for number, (name, log) in enumerate(logs.items()):
            colour = _LINES[number % _HUES] if several else ACCENT
            look = {"color": colour, "ls": _DASHES[(number + number // _HUES) % _HUES], "lw": 1.5}
            point = {"marker": "o", "ms": 4} if len(log) == 1 else {}  # one epoch makes no line
            epochs = [entry["epoch"] for entry in log]
            upper.plot(epochs, [entry["loss"] for entry in log], **look, **point)
            judged = [entry for entry in log if entry.get("score") is not None]
            seen = [entry["epoch"] for entry in judged]
            scores = [entry["score"] for entry in judged]
            lower.plot(seen, scores, **look, **point, label=name if several else "score")
            if not several:
                for head, own in zip(HEADS, OF_HEAD, strict=True):
                    found = [entry["recall"][head.name] for entry in judged]
                    lower.plot(seen, found, **point, lw=1, color=own, label=head.name)
            if judged:
                lower.plot(seen[-1], scores[-1], "o", color=colour, ms=4)
        upper.set(ylabel="training loss", ylim=(0, None))
        lower.set(xlabel="epoch", ylabel="score" if several else "score, recalls")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _legend(figure, entries)

    entries = [*logs] if several else ["score", *(head.name for head in HEADS)]
    last = [
        f"{name}: {log[-1]['score']:.4f} after epoch {log[-1]['epoch']}"
        for name, log in logs.items()
        if log[-1].get("score") is not None
    ]
    return _drawn(
        draw, 3.9 + _legend_height(entries), f"Learning curves. {'; '.join(last)}", "curves"
    )


def calibration_chart(found: PerHead[Calibration]) -> Markup:
    """The share that is right against the probability, where a diagonal is what it should be."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], ":", color=MUTED, lw=1)
        for head, one, colour in zip(HEADS, found, OF_HEAD, strict=True):
            shown = one.images >= min(FEWEST, one.images.max())
            sizes = 4 + 68 * np.sqrt(one.images[shown] / one.images.sum())
            confidence, accuracy = one.confidence[shown], one.accuracy[shown]
            axes.plot(confidence, accuracy, color=colour, lw=1)
            axes.scatter(confidence, accuracy, sizes, color=colour, label=head.name)
        axes.set(
            xlabel="probability of the likeliest class",
            ylabel="share that is right",
            xlim=(-0.02, 1.04),
            ylim=(-0.02, 1.04),
        )
        _legend(figure, [head.name for head in HEADS])

    errors = ", ".join(f"{h.name} {one.error:.3f}" for h, one in zip(HEADS, found, strict=True))
    return _drawn(draw, 3.4, f"Calibration: expected error {errors}", "calibration")


def frequency_chart(images: PerHead[Integers], recall: PerHead[Floats]) -> Markup:
    """Each class's recall against its training images; NaN recalls are left out."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for head, counts, values, colour in zip(HEADS, images, recall, OF_HEAD, strict=True):
            shown = ~np.isnan(values) & (counts > 0)
            axes.scatter(
                counts[shown],
                values[shown],
                16 if head.classes < 100 else 9,
                color=colour,
                alpha=0.75,
                label=head.name,
                linewidths=0,
            )
        axes.set_xscale("log")
        axes.set(xlabel="training images of the class", ylabel="recall", ylim=(None, 1.02))
        _legend(figure, [head.name for head in HEADS])

    return _drawn(draw, 3.4, "Recall of each class against its training images", "frequency")


@dataclass(frozen=True)
class Rule:
    """A decision rule as it was judged: its score, and the error of its gain over argmax."""

    label: str
    score: float
    error: float
    own: bool = False  # whether it is the score that stands first


def rules_chart(rules: Sequence[Rule], *, weighted: bool) -> Markup:
    """Decision rules by the score that they are judged by. `weighted`: unseen images weigh less."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rules))[::-1]
        for place, rule in zip(places, rules, strict=True):
            colour = ACCENT if rule.own else MUTED
            if rule.error:
                ends = [rule.score - rule.error, rule.score + rule.error]
                axes.plot(ends, [place, place], color=colour, lw=1.5)
            axes.plot(rule.score, place, "o", color=colour, ms=6)
        axes.set_yticks(places, [rule.label for rule in rules])
        _mark_own(axes, [rule.own for rule in rules])
        axes.set_ylim(-0.6, len(rules) - 0.4)
        axes.set_xlabel("score, where the unseen weigh less" if weighted else "score")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=_TICKS))
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")

    said = ", ".join(f"{rule.label} {rule.score:.4f}" for rule in rules)
    return _drawn(draw, 0.28 * len(rules) + 0.75, f"Decision rules: {said}", "rules")


def _legend(figure: Figure, labels: Sequence[str]) -> None:
    """What the lines are, below the axes: within them it would lie over some."""
    across = _across(labels)
    figure.legend(loc="outside lower center", ncols=across, fontsize=8, handlelength=2.8)


def _legend_height(labels: Sequence[str]) -> float:
    """Inches."""
    return 0.2 * math.ceil(len(labels) / _across(labels))


def _across(labels: Sequence[str]) -> int:
    """How many entries of a legend find room in a row."""
    widths = [_DASH + _LETTER * len(label) for label in labels]
    room = int(72 * _WIDTH)
    return len(labels) if sum(widths) <= room else max(1, room // max(widths))


def _drawn(draw: Callable[[Figure], None], height: float, said: str, salt: str) -> Markup:
    """The chart as an element of a page, with a sentence for who doesn't see it."""
    # Ids within the SVG come from the salt: two charts of a page share none.
    with style.context({**_LOOKS, "svg.hashsalt": salt}, after_reset=True):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return _inlined(file.getvalue(), said)


def _inlined(svg: str, said: str) -> Markup:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for name, colour in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    # Names of groups are the same in each chart; kept are those that something refers to.
    meant = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda one: one[0] if one[1] in meant else "", svg)
    svg = re.sub(r' (?:width|height)="[0-9.]+pt"', "", svg, count=2)
    label = str(escape(said))
    opened = f'<svg role="img" aria-label="{label}" class="chart"'
    return Markup(svg.replace("<svg", opened, 1))  # ours, but for what is escaped
