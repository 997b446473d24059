"""The picture of a fold's training."""

from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graphemes.foundation.files import replacing
from graphemes.foundation.heads import HEADS


def draw_curves(path: Path, log: list[dict[str, Any]], title: str) -> None:
    """Write a PNG: the training loss on the left, score and recalls on the right."""
    looks = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with style.context(looks, after_reset=True):  # whatever a matplotlibrc here says
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        figure.suptitle(title)
        left, right = figure.subplots(1, 2)
        epochs = [entry["epoch"] for entry in log]
        left.plot(epochs, [entry["loss"] for entry in log], "o-", ms=3, label="training loss")
        left.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
        validated = [entry for entry in log if entry.get("score") is not None]
        seen = [entry["epoch"] for entry in validated]
        right.plot(seen, [entry["score"] for entry in validated], "ko-", ms=3, label="score")
        for head in HEADS:
            values = [entry["recall"][head.name] for entry in validated]
            right.plot(seen, values, ".-", lw=1, ms=4, label=f"{head.name} recall")
        right.set(xlabel="epoch", ylabel="on the fold", ylim=(0, 1))
        right.legend(frameon=False)
        for side in (left, right):
            # Half an epoch of room: a single epoch would get an axis of its twentieths.
            side.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
            side.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110)
