"""The picture of a bench: each figure that has a mark, as its share of it."""

from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphemes.experiments.bench_report import Report, number
from graphemes.foundation.files import replacing

_FAR = 2.5  # shares of a mark: longer bars are cut
_REACHED, _MISSED = "#2b6cb0", "#dd6b20"
_ROW = 0.27  # inches


def draw_bench(path: Path, report: Report) -> None:
    """Write a PNG: a bar a figure, the marks one line at 1, to the right of it they are reached."""
    parts = {
        name: [figure for figure in part["figures"] if "mark" in figure]
        for name, part in report["parts"].items()
    }
    parts = {name: figures for name, figures in parts.items() if figures}
    rows = sum(len(figures) + 1 for figures in parts.values())
    looks = {"font.size": 8.5, "axes.spines.top": False, "axes.spines.right": False}
    with style.context(looks, after_reset=True):  # whatever a matplotlibrc here says
        picture = Figure(figsize=(10, 1.3 + _ROW * max(rows, 3)), layout="constrained")
        axes = picture.subplots()
        place, ticks, names = 0.0, [], []
        for name, figures in parts.items():
            axes.text(0, place, f" {name}", weight="bold", va="center")
            for figure in figures:
                place += 1
                _draw(axes, place, figure)
                ticks.append(place)
                names.append(figure["name"])
            place += 1
        axes.axvline(1, color="black", lw=1)
        axes.set(xlim=(0, _FAR + 1.4), ylim=(max(place, 1) - 0.3, -0.7), xticks=[0, 0.5, 1, 1.5, 2])
        axes.set_xticklabels(["0", "", "the mark", "", "twice as good"])
        axes.set_yticks(ticks, names)
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_bounds(0, _FAR)
        picture.suptitle(_title(report), fontsize=9)
        with replacing(path) as temporary:
            picture.savefig(temporary, format="png", dpi=110)


def _draw(axes: Axes, place: float, figure: dict[str, Any]) -> None:
    value = figure.get("ratio", figure["median"])
    near, far = (value, figure["mark"]) if figure["side"] == "least" else (figure["mark"], value)
    share = near / far if far > 0 else _FAR
    shown = min(share, _FAR)
    axes.barh(place, shown, height=0.62, color=_REACHED if figure["reached"] else _MISSED)
    if share > _FAR:  # it goes on
        axes.plot([shown + 0.02], [place], ">", ms=4, color=_REACHED, clip_on=False)
    sign = "\u2265" if figure["side"] == "least" else "\u2264"
    unit = figure["unit"]
    if "ratio" in figure:
        unit = f"x {figure['against'].split(',')[0]}"
    text = f"{number(value)} {unit}".rstrip() + f"  ({sign} {figure['mark']:.3g}, n={figure['n']})"
    axes.text(max(shown, 1.0) + 0.08, place, text, va="center")


def _title(report: Report) -> str:
    machine = report["machine"]
    where = f"{machine['name']}, {machine['cores']} cores, {machine['device']}"
    commit = (report["commit"] or "unknown")[:12]
    return f"{where}\ncommit {commit}; blue reaches its mark, orange doesn't"
