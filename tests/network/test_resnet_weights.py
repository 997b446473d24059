"""torchvision's and timm's ResNet files fill our own ResNets: the same features as theirs."""

import importlib
from pathlib import Path

import pytest
import torch
from judges import difference, pictures, scatter
from safetensors.torch import save_file
from torch import Tensor, nn

from graphemes.foundation.errors import DataError
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.words import shown
from graphemes.network.initial_weights import initial_network
from graphemes.network.model import build_network
from graphemes.network.resnet import TABLE
from graphemes.network.resnet_weights import their_name
from graphemes.network.timm_library import timm_library


def timms(name: str, **options) -> nn.Module:
    """As timm has it, for colours, with random weights."""
    network = timm_library().create_model(name, pretrained=False, in_chans=3, **options)
    scatter(network)
    return network


def torchvisions(name: str) -> nn.Module:
    timm_library()  # declares what torchvision's import misses beside a CPU build of torch
    network = getattr(importlib.import_module("torchvision.models"), name)(weights=None)
    scatter(network)
    return network


def asked(trunk: str = "resnet18", **values) -> Learning:
    return Learning(trunk=trunk, image_size="64", **values)


def refusal(tensors: dict[str, Tensor], tmp_path: Path, trunk: str = "resnet18", **values) -> str:
    """What is said of a file, without its name."""
    path = tmp_path / "w.pth"
    torch.save(tensors, path)
    with pytest.raises(DataError) as caught:
        initial_network(asked(trunk, init=path, **values))
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"init={path}: ")
    return said.removeprefix(f"init={path}: ")


@pytest.fixture(scope="module")
def eighteen() -> dict[str, Tensor]:
    return timms("resnet18").state_dict()


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_features_are_those_of_timm_filled_with_the_same_file(tmp_path, name):
    """timm itself sums the three colours of its file for one channel."""
    path = tmp_path / "w.safetensors"
    save_file(timms(name).state_dict(), path)
    ours = initial_network(asked(name, init=path)).trunk.eval()
    judge = timm_library().create_model(
        name, pretrained=True, in_chans=1, num_classes=0, pretrained_cfg_overlay={"file": path}
    )
    assert difference(ours, judge.eval(), pictures(2, 1, 64, 64)) < 1e-5


@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
@pytest.mark.parametrize("zipped", [True, False])
def test_features_are_torchvisions_of_a_grey_picture(tmp_path, name, zipped):
    """Ink in all three colours is what one channel with summed weights sees."""
    judge = torchvisions(name)
    tensors = judge.state_dict()
    if not zipped:  # as resnet34-333f7ec4.pth: an older format, without the norms' counts
        tensors = {key: one for key, one in tensors.items() if not key.endswith("batches_tracked")}
    path = tmp_path / f"{name}-333f7ec4.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    ours = initial_network(asked(name, init=path)).trunk.eval()
    judge.fc = nn.Identity()
    ink = pictures(2, 1, 64, 64)
    with torch.no_grad():
        got, wanted = ours(ink), judge.eval()(ink.expand(-1, 3, -1, -1))
    assert float((got - wanted).abs().max() / wanted.abs().max()) < 1e-5


@pytest.mark.parametrize("name", TABLE)
def test_every_tensor_of_theirs_is_one_of_ours(name):
    with torch.device("meta"):
        theirs = timm_library().create_model(name, in_chans=1, num_classes=0).state_dict()
        ours = build_network(asked(name), asked().image_size).trunk.state_dict()
    assert {their_name(key): one.shape for key, one in ours.items()} == {
        key: one.shape for key, one in theirs.items()
    }


def test_heads_neck_and_pool_are_those_of_the_seed(tmp_path, eighteen):
    path = tmp_path / "w.pth"
    torch.save({"model_state_dict": {f"module.{key}": eighteen[key] for key in eighteen}}, path)
    options = {"neck": 8, "pool": "gem", "grapheme_head": True}
    filled = initial_network(asked(**options, init=path), 3).state_dict()
    fresh = initial_network(asked(**options), 3).state_dict()
    assert filled.keys() == fresh.keys()
    outside = [key for key in fresh if not key.startswith(("trunk.stem", "trunk.stages"))]
    assert len(outside) > 8
    assert all(torch.equal(filled[key], fresh[key]) for key in outside)
    assert torch.equal(filled["trunk.stages.1.0.norm1.bias"], eighteen["layer2.0.bn1.bias"])


def test_weights_of_one_channel_are_taken_as_they_are(tmp_path, eighteen):
    path = tmp_path / "w.pth"
    grey = {**eighteen, "conv1.weight": eighteen["conv1.weight"][:, :1]}
    torch.save({f"backbone.{key}": grey[key] for key in grey} | {"head.bias": torch.ones(9)}, path)
    filled = initial_network(asked(init=path)).trunk.state_dict()
    assert torch.equal(filled["stem.0.weight"], grey["conv1.weight"])


@pytest.mark.parametrize(
    ("option", "usual"),
    [
        ({"shortcut": "pad"}, "project"),
        ({"shortcut": "none"}, "project"),
        ({"stem": "deep"}, "7x7"),
        ({"stem": "3x3"}, "7x7"),
        ({"widths": (8, 16, 24, 32)}, "64,128,256,512"),
        ({"attention": "se"}, "none"),
        ({"attention": "cbam"}, "none"),
    ],
)
def test_an_option_that_makes_other_tensors_is_said(tmp_path, eighteen, option, usual):
    ((key, value),) = option.items()
    assert refusal(eighteen, tmp_path, **option) == (
        f"its ResNet has {key}={usual}, which {key}={shown(value)} doesn't fit; leave one of both"
        " out"
    )


def test_a_file_of_another_resnet_names_it(tmp_path, eighteen):
    assert refusal(eighteen, tmp_path, "resnet34") == (
        "its tensors are a resnet18's, expected a resnet34's; give trunk=resnet18, or another file"
    )
    with torch.device("meta"):
        deeper = timm_library().create_model("resnet50").state_dict()
    fifty = {key: torch.zeros(one.shape) for key, one in deeper.items()}
    assert "a resnet50's, expected a resnet34's" in refusal(fifty, tmp_path, "resnet34")


def test_tensors_that_do_not_fit_are_named(tmp_path, eighteen):
    wide = {**eighteen, "layer1.0.conv1.weight": torch.zeros(128, 64, 3, 3)}
    assert refusal(wide, tmp_path) == (
        "its tensor 'layer1.0.conv1.weight' is (128, 64, 3, 3), expected (64, 64, 3, 3); is it of"
        " another network?"
    )
    other = "in trunk=resnet18; is it of another network?"
    se = {**eighteen, "layer1.0.se.fc1.weight": torch.zeros(1)}
    assert refusal(se, tmp_path) == f"its tensor 'layer1.0.se.fc1.weight' has no place {other}"
    short = {key: one for key, one in eighteen.items() if key != "layer2.0.bn2.bias"}
    assert refusal(short, tmp_path) == f"it has no tensor 'layer2.0.bn2.bias' {other}"
    four = {**eighteen, "conv1.weight": torch.zeros(64, 4, 7, 7)}
    assert "'conv1.weight' is (64, 4, 7, 7), expected (64, 1, 7, 7)" in refusal(four, tmp_path)
    bad = {**eighteen, "bn1.bias": torch.full((64,), torch.inf)}
    assert refusal(bad, tmp_path) == "its tensor 'bn1.bias' has values that are not finite"


def test_names_that_are_nobodys_are_told(tmp_path):
    assert refusal({"0.weight": torch.ones(1), "1.bias": torch.ones(1)}, tmp_path) == (
        "it holds '0.weight', '1.bias'; expected the names of torchvision's and timm's ResNets, as"
        " conv1.weight and layer1.0.conv1.weight, or a file of train's"
    )


def test_a_pickled_module_says_how_to_save_its_tensors(tmp_path):
    said = refusal(torchvisions("resnet18"), tmp_path)
    assert said == (
        "it is a pickle with torchvision.models.resnet.ResNet in it, which could run code; where it"
        " was made, save its tensors alone: torch.save(model.state_dict(), FILE)"
    )


def test_the_first_articles_network_takes_no_such_file(tmp_path, eighteen):
    path = tmp_path / "w.pth"
    torch.save(eighteen, path)
    with pytest.raises(DataError, match="is a pickle"):
        initial_network(asked("article", init=path))
