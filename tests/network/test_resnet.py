"""Our residual networks compute what timm's do, at any size of picture, and cost what the paper's
table says."""

import pytest
import torch
from judges import difference, pictures, scatter
from torch import nn
from torch.nn import functional

from graphemes.network import resnet
from graphemes.network.cost import multiply_adds, parameters
from graphemes.network.resnet import TABLE, BasicBlock, BlockOptions, Bottleneck, ResNet
from graphemes.network.timm_library import timm_library

SIZES = [(64, 64), (128, 128), (137, 236), (45, 77), (33, 16)]
# 1e9 multiply-adds of one picture of 224x224, three channels, 1,000 classes.
COUNTS = {
    "resnet18": 1.814,
    "resnet34": 3.664,
    "resnet50": 4.089,
    "resnet101": 7.801,
    "resnet152": 11.514,
}


def alike(ours: ResNet, judge: nn.Module) -> ResNet:
    """Ours with the judge's weights: both list their tensors in the same order."""
    names, tensors = list(ours.state_dict()), list(judge.state_dict().values())
    assert len(names) == len(tensors)
    ours.load_state_dict(dict(zip(names, tensors, strict=True)))
    return ours.eval()


def of_timm(name: str, **options) -> nn.Module:
    network = timm_library().create_model(name, **{"in_chans": 1, "num_classes": 0, **options})
    scatter(network)
    return network.eval()


@pytest.fixture(scope="module")
def judge():
    return of_timm("resnet34")


@pytest.fixture(scope="module")
def ours(judge):
    return alike(resnet.resnet34(), judge)


@pytest.mark.parametrize("size", SIZES)
def test_features_are_those_of_timm(ours, judge, size):
    assert difference(ours, judge, pictures(2, 1, *size)) < 1e-5


@pytest.mark.parametrize("name", [name for name in TABLE if name != "resnet34"])
@pytest.mark.parametrize("size", [(64, 64), (45, 77)])
def test_each_network_of_the_table_is_timms(name, size):
    judge = of_timm(name)
    ours = alike(ResNet(*TABLE[name]), judge)
    assert difference(ours, judge, pictures(2, 1, *size)) < 1e-5


def test_three_channels_and_classes_are_timms():
    judge = of_timm("resnet18", in_chans=3, num_classes=10)
    ours = alike(resnet.resnet18(image_channels=3, num_classes=10), judge)
    assert difference(ours, judge, pictures(2, 3, 40, 48)) < 1e-5


@pytest.mark.parametrize(
    ("ours", "timms"),
    [
        ({"stem": "deep"}, {"stem_type": "deep", "stem_width": 32}),
        ({"pool": "max"}, {"global_pool": "max"}),
        ({"pool": "avgmax"}, {"global_pool": "avgmax"}),
        ({"widths": (64, 96, 96, 320)}, {"channels": (64, 96, 96, 320)}),
    ],
)
def test_options_are_those_of_timm(ours, timms):
    judge = of_timm("resnet18", **timms)
    assert difference(alike(resnet.resnet18(**ours), judge), judge, pictures(2, 1, 50, 70)) < 1e-5


@pytest.mark.parametrize(
    ("stage", "branch"),
    [(0, "shortcut"), (3, "shortcut"), (0, "norm1"), (1, "norm2"), (2, "relu"), (3, "conv2")],
)
def test_a_wrong_block_would_be_noticed(ours, judge, monkeypatch, stage, branch):
    block, x = ours.stages[stage][0], pictures(2, 1, 45, 77)
    if stage and branch == "shortcut":
        monkeypatch.setitem(block.shortcut._modules, "1", nn.Identity())
    else:
        planted = Nothing() if branch == "shortcut" else nn.Identity()
        monkeypatch.setitem(block._modules, branch, planted)
    assert difference(ours, judge, x) > 1e-3
    monkeypatch.undo()
    assert difference(ours, judge, x) < 1e-5


class Nothing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


@pytest.mark.parametrize("name", TABLE)
def test_parameters_and_multiply_adds(name):
    with torch.device("meta"):
        ours = ResNet(*TABLE[name], 3, 1000)
        judge = timm_library().create_model(name)
    assert parameters(ours) == parameters(judge)
    assert multiply_adds(ours, 3, 224, 224) / 1e9 == pytest.approx(COUNTS[name], abs=5e-4)


def test_parameters_of_the_bare_trunk(ours):
    assert parameters(ours) == 21_278_400


def test_the_articles_form():
    """ResNet50(img_channel=3, num_classes=1000) of (4, 3, 224, 224) is (4, 1000)."""
    with torch.no_grad():
        network = resnet.resnet50(image_channels=3, num_classes=1000).eval()
        assert network(pictures(4, 3, 224, 224)).shape == (4, 1000)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("size", [(64, 64), (137, 236), (224, 224)])
def test_shapes(name, size):
    with torch.device("meta"):
        network = getattr(resnet, name)()
        assert network(torch.zeros(2, 1, *size)).shape == (2, network.width)
        maps = network.stages(network.stem(torch.zeros(2, 1, *size)))
    assert maps.shape[2:] == tuple(-(-side // 32) for side in size)
    assert network.width == (512 if TABLE[name][0] is BasicBlock else 2048)


@pytest.mark.parametrize("classes", [0, -1])
def test_no_classes_are_refused(classes):
    with pytest.raises(ValueError, match=f"^num_classes: got {classes}, expected 1 or more"):
        resnet.resnet18(num_classes=classes)


@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
@pytest.mark.parametrize("stem", ["7x7", "deep"])
def test_widths_are_those_of_stem_and_stages(name, stem):
    widths = (8, 16, 40, 80)
    with torch.device("meta"):
        network = getattr(resnet, name)(widths=widths, stem=stem)
        x, sizes = network.stem(torch.zeros(2, 1, 64, 64)), []
        for stage in network.stages:
            x = stage(x)
            sizes.append((x.shape[1], x.shape[2]))
    times = TABLE[name][0].expansion
    assert network.stem[-3].num_features == 8
    assert sizes == [(times * w, side) for w, side in zip(widths, (16, 8, 4, 2), strict=True)]
    assert network.width == 80 * times


def test_branches_are_dropped_as_timm_drops_them():
    x = pictures(64, 3, 5, 5)
    drop = resnet.DropPath(0.4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        got = drop(x)
        torch.manual_seed(1)
        judged = timm_library().layers.drop_path(x, 0.4, training=True)
    torch.testing.assert_close(got, judged)
    kept = got.flatten(1).any(dim=1)
    assert 0 < kept.sum() < 64
    torch.testing.assert_close(got[kept], x[kept] / 0.6)
    assert torch.equal(drop.eval()(x), x)


def test_rates_grow_with_depth_as_timms():
    judge = timm_library().create_model("resnet18", drop_path_rate=0.3)
    ours = resnet.resnet18(drop_path=0.3)
    rates = [part.rate for part in ours.modules() if isinstance(part, resnet.DropPath)]
    dropping = timm_library().layers.DropPath
    timms = [part.drop_prob for part in judge.modules() if isinstance(part, dropping)]
    assert rates == pytest.approx([0.0, *timms])
    assert len(rates) == 8


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_fresh_block_is_its_shortcut(block):
    """So that a deep network begins as a shallow one."""
    with torch.random.fork_rng(devices=[]):
        first = ResNet(block, [1]).eval().stages[0][0]
    x = pictures(1, 64, 5, 7) - 0.5
    with torch.no_grad():
        torch.testing.assert_close(first(x), functional.relu(first.shortcut(x)))
        first.get_parameter(f"{block.last_norm}.weight").fill_(1)
        assert not torch.allclose(first(x), functional.relu(first.shortcut(x)))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_plain_network_has_no_shortcuts_and_learns(name):
    with torch.random.fork_rng(devices=[]):
        network = ResNet(*TABLE[name], shortcut="none")
    blocks = [block for stage in network.stages for block in stage]
    assert all(block.shortcut is None for block in blocks)
    network(pictures(2, 1, 32, 32)).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters() if p.ndim == 4)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("before", "after"), [(8, 8), (8, 24)])
def test_padding_keeps_what_is_there_and_adds_zeros(stride, before, after):
    block = BasicBlock(before, after, stride, BlockOptions("pad")).eval()
    nn.init.zeros_(block.norm2.weight)
    x = pictures(2, before, 7, 10)
    with torch.no_grad():
        got = block(x)
    torch.testing.assert_close(got[:, :before], x[:, :, ::stride, ::stride])
    assert got.shape[1] == after
    assert not got[:, before:].any()
    assert not list(block.shortcut.parameters())


def test_shortcuts_cost_what_they_should():
    with torch.device("meta"):
        counts = {s: parameters(resnet.resnet34(shortcut=s)) for s in ("project", "pad", "none")}
    projections = sum(a * b + 2 * b for a, b in ((64, 128), (128, 256), (256, 512)))
    assert counts["pad"] == counts["none"] == counts["project"] - projections


@pytest.mark.parametrize(("stem", "side"), [("7x7", 16), ("3x3", 16), ("deep", 16), ("3x3s1", 32)])
def test_stems_quarter_the_picture_or_halve_it(stem, side):
    x = pictures(1, 1, 64, 64)
    assert resnet.resnet18(stem=stem).stem(x).shape == (1, 64, side, side)
    assert resnet.resnet18(stem=stem, stem_pool=False).stem(x).shape == (1, 64, 2 * side, 2 * side)
