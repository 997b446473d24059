"""What is measured of a scan agrees with how it was drawn."""

import cv2
import numpy as np
import pytest

from graphemes.experiments.scan_statistics import measure_scan, table
from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.images.contact_sheets import grid, mixed, pairs, write_png


def scan(width: int = 5, ink: int = 40, lean: int = 0) -> np.ndarray:
    """Two bars, so many columns wide, from row 40 to row 100, leaning as many to the right."""
    out = np.full((HEIGHT, WIDTH), 250, np.uint8)
    for row in range(40, 101):
        for x in (100, 140):
            left = x - width // 2 + round(lean * (100 - row) / 60)
            out[row, left : left + width] = ink
    return out


@pytest.mark.parametrize("width", [3, 5, 7])
def test_width_place_and_greys_are_those_drawn(width):
    found = measure_scan(scan(width))
    assert found.stroke_width == pytest.approx(width, abs=0.7)
    assert found.centre_across == pytest.approx(120 / WIDTH, abs=0.02)
    assert found.centre_down == pytest.approx(70 / HEIGHT, abs=0.02)
    assert found.box_height == pytest.approx(61 / HEIGHT, abs=0.02)
    assert found.box_width == pytest.approx((40 + width) / WIDTH, abs=0.02)
    assert (found.ink_grey, found.paper_grey, found.paper_grain) == (40, 250, 0)
    assert found.ink_share == pytest.approx((scan(width) < 200).mean())


def test_slant_is_degrees_to_the_right():
    assert measure_scan(scan()).slant == pytest.approx(0, abs=0.3)
    assert measure_scan(scan(lean=12)).slant == pytest.approx(
        np.degrees(np.arctan(12 / 60)), abs=2.5
    )
    assert measure_scan(scan(lean=-12)).slant == pytest.approx(
        -measure_scan(scan(lean=12)).slant, abs=1
    )


def test_an_empty_scan_has_no_statistics():
    assert measure_scan(np.full((HEIGHT, WIDTH), 250, np.uint8)) is None


def test_the_table_has_a_line_a_statistic_and_the_distance_in_deviations():
    thin, thick = ([measure_scan(scan(width, ink)) for ink in (30, 50)] for width in (3, 7))
    lines = table(thin, thick)
    assert len(lines) == 1 + len(thin[0])
    for name in ("standard deviation of ink ", "noise of paper "):
        assert sum(line.startswith(name) for line in lines) == 1
    assert not [line for line in lines if "spread" in line or "grain" in line]
    (width,) = (line.split() for line in lines if line.startswith("stroke width"))
    assert float(width[4]) - float(width[2]) == pytest.approx(4, abs=0.6)
    (grey,) = (line.split() for line in lines if line.startswith("ink grey"))
    assert grey[2:] == ["40.000", "10.000", "40.000", "10.000", "+0.00"]


def test_sheets_hold_every_scan(tmp_path):
    scans = [scan(ink=ink) for ink in range(0, 200, 20)]
    sheet = pairs(scans, scans, across=4)
    assert sheet.shape == (3 * (HEIGHT + 6), 4 * (2 * WIDTH + 6))
    write_png(tmp_path / "new" / "sheet.png", sheet)
    assert (cv2.imread(str(tmp_path / "new" / "sheet.png"), cv2.IMREAD_GRAYSCALE) == sheet).all()
    assert len(np.unique(mixed(scans, 5))) <= 24
    assert grid([np.zeros((2, 3), np.uint8)] * 5, 3)[2:, 6:].min() == 255
