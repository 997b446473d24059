"""Trunks by name: each of ours and a dozen families of timm's, and a sentence for what can't be."""

import sys

import pytest
import torch
from judges import difference, pictures
from torch import nn

from graphemes.foundation.errors import NetworkError, UserError
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.trunks import RESNETS, SUPPORTED
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.cost import multiply_adds
from graphemes.network.resnet import TABLE
from graphemes.network.timm_library import timm_library
from graphemes.network.trunks import TRUNKS, build_trunk, need_sizes

SIZE = ImageSize(64, 64)
# A name of each family, and parameters of its bare features on one channel, in millions.
FAMILIES = {
    "efficientnet_b0": 4.007,
    "tf_efficientnetv2_s": 20.177,
    "seresnext50_32x4d": 25.505,
    "resnetv2_50": 23.494,
    "densenet121": 6.948,
    "convnext_tiny": 27.817,
    "regnety_008": 5.494,
    "mobilenetv3_large_100": 4.202,
    "hrnet_w18_small": 11.137,
    "vit_tiny_patch16_224": 5.39,
    "swin_tiny_patch4_window7_224": 27.5,
    "efficientformerv2_s0": 3.24,
}
SIZED = {"vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "efficientformerv2_s0"}
NO_MAPS = {"vit_tiny_patch16_224", "efficientformerv2_s0"}
NO_DROP_PATH = {"densenet121", "hrnet_w18_small"}


def trunk(name: str, size: ImageSize = SIZE, **options) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_trunk(Architecture(trunk=name, **options), size).eval()


def refusal(name: str, size: ImageSize = SIZE, **options) -> str:
    with pytest.raises(UserError) as caught:
        trunk(name, size, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", TRUNKS)
@pytest.mark.parametrize("size", [(64, 64), (137, 236), (32, 32)])
def test_each_of_ours_gives_features_at_any_size(name, size):
    with torch.device("meta"):
        network = trunk(name, ImageSize(*size))
        assert network(torch.zeros(2, 1, *size)).shape == (2, network.width)


@pytest.mark.parametrize("name", FAMILIES)
def test_features_are_timms_pooled_ones(name):
    ours = trunk(f"timm/{name}")
    given = {"img_size": tuple(SIZE)} if name in SIZED else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judge = timm_library().create_model(name, in_chans=1, num_classes=0, **given).eval()
    x = pictures(2, 1, *SIZE)
    assert difference(ours, judge, x) < 1e-6
    assert ours(x).shape == (2, ours.width)
    count = sum(p.numel() for p in ours.parameters()) / 1e6
    assert count == pytest.approx(FAMILIES[name], abs=0.02)


@pytest.mark.parametrize("name", FAMILIES)
def test_maps_are_pooled_as_asked_and_tokens_say_no(name):
    if name in NO_MAPS:
        said = refusal(f"timm/{name}", pool="gem")
        assert said.startswith(f"pool=gem: trunk=timm/{name} has no pooling of feature maps")
        return
    ours, bare = trunk(f"timm/{name}", pool="gem"), trunk(f"timm/{name}")
    powers = [part for key, part in ours.named_parameters() if key.endswith("power")]
    assert len(powers) == 1
    x = pictures(2, 1, *SIZE)
    assert ours(x).shape == bare(x).shape
    assert difference(ours, bare, x) > 1e-4
    ours.train()(x).sum().backward()
    assert powers[0].grad


def test_the_greatest_and_the_mean_value_are_timms():
    for pool in ("max", "avgmax"):
        judge = timm_library().create_model("regnety_008", in_chans=1, num_classes=0)
        judge.head.global_pool = timm_library().layers.SelectAdaptivePool2d(
            pool_type=pool, flatten=True
        )
        ours = trunk("timm/regnety_008", pool=pool)
        ours.model.load_state_dict(judge.state_dict())
        assert difference(ours, judge.eval(), pictures(2, 1, *SIZE)) < 1e-6


@pytest.mark.parametrize("name", FAMILIES)
def test_paths_are_dropped_where_there_are_any(name):
    if name in NO_DROP_PATH:
        said = refusal(f"timm/{name}", drop_path=0.2)
        assert said == f"drop_path: trunk=timm/{name} has none; leave it out"
        return
    network = trunk(f"timm/{name}", drop_path=0.2)
    dropping = [part for part in network.modules() if type(part).__name__ == "DropPath"]
    # They rise to 0.2 over the blocks, in some families short of it at the last.
    assert max(part.drop_prob for part in dropping) == pytest.approx(0.19, abs=0.011)


def test_a_name_that_timm_lacks_gets_guesses():
    said = refusal("timm/convnext_tinny")
    assert "has no such model among its" in said
    assert "did you mean timm/convnext_tiny" in said
    assert "timm.list_models()" in refusal("timm/qqqqqqqq")
    assert "has no such model" in refusal("timm/resnet50.no_such_tag")


def test_a_tag_names_the_same_network():
    ours = trunk("timm/resnet18.a1_in1k")
    assert difference(ours, trunk("timm/resnet18"), pictures(1, 1, *SIZE)) < 1e-6


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("timm/densenet121", (16, 16)),
        ("timm/hrnet_w18_small", (137, 236)),
        ("timm/efficientformerv2_s0", (137, 236)),
    ],
)
def test_a_size_that_a_model_cannot_take_is_said(name, size):
    said = refusal(name, ImageSize(*size))
    assert said.startswith(f"image_size={ImageSize(*size)}: trunk={name} can't take it (")
    assert "(): " not in said
    assert said.endswith("; it was made for image_size=224x224")


def test_a_size_whose_edges_a_model_would_not_see_is_said():
    assert refusal("timm/vit_tiny_patch16_224", ImageSize(137, 236)) == (
        "image_size=137x236: trunk=timm/vit_tiny_patch16_224 cuts it into patches of 16x16 and"
        " leaves the last rows (9) and columns (12) unseen; try image_size=144x240"
    )
    trunk("timm/vit_tiny_patch16_224", ImageSize(144, 240))
    trunk("timm/swin_tiny_patch4_window7_224", ImageSize(137, 236))  # a row is no loss
    trunk("timm/pvt_v2_b0", ImageSize(67, 67))  # its patches of 7x7 overlap


def test_sizes_besides_that_a_model_cannot_take_are_said():
    need_sizes(trunk("timm/regnety_008"), [ImageSize(32, 48)])
    need_sizes(trunk("resnet18"), [ImageSize(16, 17)])
    with pytest.raises(NetworkError) as caught:
        need_sizes(trunk("timm/vit_tiny_patch16_224"), [SIZE, ImageSize(48, 48)])
    said = str(caught.value)
    assert said.startswith("image_sizes=48x48: trunk=timm/vit_tiny_patch16_224 can't take it (")
    assert said.endswith("; it is built for one size; leave image_sizes out")


def test_the_settings_know_the_trunks_that_there_are():
    assert [*TRUNKS] == [*SUPPORTED]
    assert [*TABLE] == [*RESNETS]


def test_checkpointing_that_a_model_lacks_is_said():
    network = trunk("timm/hrnet_w18_small")
    network.checkpointing = False  # as it is: nobody is asked
    with pytest.raises(NetworkError, match=r"^checkpointing=true: HighResolutionNet has no such"):
        network.checkpointing = True


def test_a_vision_transformers_attention_is_counted():
    """By hand: patches; 12 layers of queries, keys, values, tokens by tokens twice, MLP."""
    tokens, width = 197, 192
    layer = tokens * width * (3 * width + width + 8 * width) + 2 * tokens * tokens * width
    wanted = 196 * 16 * 16 * width + 12 * layer
    network = trunk("timm/vit_tiny_patch16_224", ImageSize(224, 224))
    assert multiply_adds(network, 1, 224, 224) == wanted


def test_without_timm_our_own_trunks_are_there(monkeypatch):
    """And what needs it says so."""
    monkeypatch.setitem(sys.modules, "timm", None)
    assert trunk("resnet18").width == 512
    said = refusal("timm/resnet18")
    assert said == "trunk=timm/NAME: timm isn't installed; pip install timm, or take another"
