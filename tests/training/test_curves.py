"""The picture of a fold is a PNG, whatever the log holds."""

import cv2
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from graphemes.training.curves import draw_curves


def entry(epoch: int, *, judged: bool) -> dict:
    found: dict = {"epoch": epoch, "loss": 4.0 / epoch, "lr": 0.001}
    if judged:
        recall = {"root": 0.2 * epoch, "vowel": 0.3, "consonant": 0.25 * epoch}
        found |= {"score": 0.3, "recall": recall}
    return found


def test_a_validated_and_an_unvalidated_fold_are_drawn(tmp_path):
    drawn = []
    for judged in (True, False):
        path = tmp_path / "curves.png"
        draw_curves(path, [entry(1, judged=judged), entry(2, judged=judged)], "fold 0")
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        drawn.append(cv2.imread(str(path)))
        assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]
    assert drawn[0].shape == drawn[1].shape
    left, right = ((drawn[0] != drawn[1])[:, half] for half in np.split(np.arange(990), 2))
    assert right.mean() > 0.001 > left.mean()


def test_one_epoch_is_drawn(tmp_path):
    draw_curves(tmp_path / "curves.png", [entry(1, judged=True)], "fold none")
    assert (tmp_path / "curves.png").stat().st_size > 5_000


@pytest.mark.parametrize("epochs", [[1], [1, 2, 3, 4], [7]])
def test_epochs_are_whole_and_every_value_is_a_point(epochs, tmp_path, monkeypatch):
    drawn = []
    savefig = Figure.savefig

    def keep(figure: Figure, *args: object, **options: object) -> None:
        savefig(figure, *args, **options)
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    draw_curves(tmp_path / "curves.png", [entry(k, judged=True) for k in epochs], "fold 0")
    for side in drawn[0].axes:
        low, high = side.get_xlim()
        assert [tick for tick in side.get_xticks() if low <= tick <= high] == epochs
        assert all(line.get_marker() not in ("", "None") for line in side.lines)


def test_figures_look_the_same_whatever_a_matplotlibrc_says(tmp_path):
    log = [entry(1, judged=True), entry(2, judged=True)]
    draw_curves(tmp_path / "plain.png", log, "fold 0")
    with mpl.rc_context({"text.usetex": True, "lines.linewidth": 9, "font.family": "monospace"}):
        draw_curves(tmp_path / "curves.png", log, "fold 0")
    assert (tmp_path / "curves.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
