"""Views: moved and zoomed pictures as others make them, averaged on probabilities."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from graphemes.foundation.heads import HEADS, HEIGHT, WIDTH, PerHead
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.ink import Frame
from graphemes.images.placement import crop_box, padded_shape, padding, place
from graphemes.images.transforms import FramedPicture, Ink
from graphemes.inference.predict import probabilities
from graphemes.inference.views import SHIFT, VIEWS, ZOOMS, shifted, views, zoomed
from graphemes.network.devices import Engine
from graphemes.network.model import Logits

INK = torch.rand(3, 1, 50, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("tta", VIEWS)
def test_the_picture_itself_is_first_and_the_rest_is_counted(tta):
    found = list(views(INK, tta))
    assert len(found) == VIEWS[tta]
    assert found[0] is INK
    assert all(view.shape == INK.shape and view.dtype == INK.dtype for view in found)


def test_shifts_go_four_ways_by_four_percent_of_each_side():
    found = [view.numpy() for view in views(INK, "shifts")][1:]
    for got, by in zip(found, [(2, 0), (-2, 0), (0, 1), (0, -1)], strict=True):
        np.testing.assert_array_equal(got, ndimage.shift(INK.numpy(), (0, 0, *by), order=0))
    assert (round(SHIFT * 50), round(SHIFT * 32)) == (2, 1)
    tiny = list(views(INK[..., :9, :9], "shifts"))
    assert not any(torch.equal(view, tiny[0]) for view in tiny[1:])  # a pixel at least


@pytest.mark.parametrize("zoom", ZOOMS)
def test_scales_are_scipys_bilinear_zoom_about_the_middle(zoom):
    middle = (np.array(INK.shape[2:]) - 1) / 2
    wanted = [
        ndimage.affine_transform(
            picture, [1 / zoom] * 2, middle - middle / zoom, order=1, mode="grid-constant"
        )
        for picture in INK[:, 0].numpy()
    ]
    np.testing.assert_allclose(zoomed(INK, zoom)[:, 0].numpy(), wanted, atol=1e-5)


def drawn(scan: np.ndarray, move: np.ndarray, size: ImageSize) -> torch.Tensor:
    """(1, 1, H, W) of a scan that was moved before it was made a picture."""
    frame = Frame.of(scan)
    box = crop_box(frame, "ink")
    picture = FramedPicture(size, "ink", None)
    placed = place(box, size, move)
    made = picture.apply(scan[..., None], box=box, lift=255 - frame.paper, placement=placed)
    return torch.from_numpy(Ink().apply(made)[None, None, ..., 0])


def test_views_are_what_moved_scans_become():
    """The same ones for whole pixels; zoomed pictures are drawn twice, so a little softer."""
    scan = np.full((HEIGHT, WIDTH), 250, np.uint8)
    scan[30:100, 60:70] = 20
    scan[60:72, 50:170] = 20
    scan[40:110, 140:150] = 90
    size = ImageSize(64, 64)
    box = crop_box(Frame.of(scan), "ink")
    high, wide = padded_shape(box, padding(box, size))
    still = drawn(scan, np.eye(3), size)
    move = np.eye(3)
    move[:2, 2] = 2 * wide / 64, -3 * high / 64  # 2 pixels to the right, 3 up
    assert (drawn(scan, move, size) - shifted(still, -3, 2)).abs().max() < 0.01
    for zoom in ZOOMS:
        about = np.diag([zoom, zoom, 1.0])
        about[:2, 2] = (1 - zoom) * np.array([wide - 1, high - 1]) / 2
        apart = (drawn(scan, about, size) - zoomed(still, zoom)).abs()
        assert apart.mean() < 0.01
        assert apart.mean() < 0.3 * (drawn(scan, about, size) - still).abs().mean()


class Dense(torch.nn.Module):
    """A network's interface over one linear layer a head."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.heads = torch.nn.ModuleList(torch.nn.Linear(1600, h.classes) for h in HEADS)

    def forward(self, ink: torch.Tensor) -> Logits:
        return Logits(PerHead(*(9 * head(ink.flatten(1)) for head in self.heads)))


@pytest.mark.parametrize("tta", VIEWS)
def test_probabilities_are_the_mean_over_networks_and_views(tta):
    networks = [Dense(0), Dense(1)]
    engine = Engine(torch.device("cpu"), "fp32")
    batches = [(part, PerHead(*[torch.zeros(len(part))] * 3)) for part in INK.split(2)]
    got = probabilities(networks, batches, engine, lambda _: None, tta)
    with torch.no_grad():
        each = [network(view) for network in networks for view in views(INK, tta)]
    for head, found in enumerate(got):
        wanted = torch.stack([one.heads[head].softmax(1) for one in each]).mean(0)
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
