"""The first article's network: what is printed, and that the mends change nothing else."""

import pytest
import torch
from judges import pictures, scatter
from torch import nn

from graphemes.network.article import ArticleNet
from graphemes.network.cost import multiply_adds, parameters


@pytest.fixture(scope="module")
def network() -> ArticleNet:
    network = ArticleNet().eval()
    scatter(network)
    return network


def test_the_layers_are_the_printed_ones(network):
    first = network.block1[0]
    assert (first.in_channels, first.out_channels) == (1, 64)
    assert (first.kernel_size, first.stride, first.padding) == ((2, 2), (2, 2), (3, 3))
    assert first.bias is None
    assert (network.block2[0].kernel_size, network.block2[0].stride) == (1, 1)
    blocks = [network.block2[1:], network.block3, network.block4, network.block5]
    shapes = [
        (block.conv1.in_channels, block.conv1.out_channels, block.conv1.stride[0])
        for pair in blocks
        for block in pair
    ]
    assert shapes == [
        (64, 64, 1),
        (64, 64, 2),
        (64, 128, 1),
        (128, 128, 2),
        (128, 256, 1),
        (256, 256, 2),
        (256, 512, 1),
        (512, 512, 2),
    ]


def test_it_has_eighteen_layers(network):
    """17 convolutions on the way and a head; the shortcuts' projections are beside the way."""
    names = [name for name, part in network.named_modules() if isinstance(part, nn.Conv2d)]
    assert sum("shortcut" not in name for name in names) == 17


def test_at_32_it_equals_the_printed_pooling(network):
    with torch.no_grad():
        maps = network.maps(pictures(3, 1, 32, 32))
        assert maps.shape == (3, 512, 2, 2)
        wanted = nn.AvgPool2d(2)(maps).view(3, -1)
        torch.testing.assert_close(network(pictures(3, 1, 32, 32)), wanted)


def test_any_size_works_where_the_printed_pooling_stops(network):
    with torch.no_grad():
        x = pictures(2, 1, 137, 236)
        assert network.maps(x).shape == (2, 512, 5, 8)
        assert nn.AvgPool2d(2)(network.maps(x)).flatten(1).shape != (2, 512)
        assert network(x).shape == (2, 512)


def test_it_is_pinned(network):
    """Sums of features with scattered weights: whatever moves them is another network."""
    assert parameters(network) == PARAMETERS
    assert multiply_adds(network, 1, 64, 64) == ADDS
    with torch.no_grad():
        for size, wanted in SUMS.items():
            features = network(pictures(2, 1, *size)).double()
            assert float(features.sum()) == pytest.approx(wanted, rel=1e-4)


PARAMETERS, ADDS = 11_517_440, 457_402_624
SUMS = {(32, 32): 3356.9413, (137, 236): 7427.6309}
