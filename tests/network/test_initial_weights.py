"""What a training begins with: fresh weights, a file of train's, a file of timm's, timm's own."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from judges import pictures, scatter
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from graphemes.foundation.errors import DataError, NetworkError, UserError
from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.groups import Learning
from graphemes.network.initial_weights import initial_network
from graphemes.network.model import build_network
from graphemes.network.timm_library import timm_library
from graphemes.network.weights import WeightsRecord, is_ours, load_weights, save_weights
from graphemes.pipeline.identity import learning_settings
from worlds import unsealed_record


def asked(trunk: str = "resnet18", **values) -> Learning:
    return Learning(trunk=trunk, image_size="32", **values)


def write_ours(path: Path, settings: Learning) -> dict[str, torch.Tensor]:
    """A file of train's with random weights; its tensors."""
    network = build_network(settings, settings.image_size, 7)
    scatter(network)
    record = WeightsRecord(
        settings=learning_settings(settings),
        fold="0",
        epoch=1,
        score=None,
        digests={},
        versions={},
        demo=False,
        classes=[head.classes for head in HEADS],
    )
    save_weights(path, network.state_dict(), record, np.array([1]))
    return network.state_dict()


def write_timms(path: Path, name: str = "resnet18", **options) -> dict[str, torch.Tensor]:
    """A file as timm publishes them: three channels, 1,000 classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = timm_library().create_model(name, **options)
    scatter(network)
    tensors = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors, "epoch": 3}, path)
    return tensors


def refusal(settings: Learning) -> str:
    with pytest.raises(UserError) as caught:
        initial_network(settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_fresh_weights_are_those_of_the_seed():
    first, again, other = (initial_network(asked(), seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["trunk.stem.0.weight"], other["trunk.stem.0.weight"])


@pytest.mark.parametrize("trunk", ["resnet18", "article", "timm/mobilenetv3_large_100"])
def test_a_file_of_ours_fills_the_whole_network(tmp_path, trunk):
    path = tmp_path / "w.safetensors"
    settings = asked(trunk, grapheme_head=True, neck=16)
    tensors = write_ours(path, settings)
    assert is_ours(path)
    started = initial_network(settings.with_values({"init": path}), 3).state_dict()
    assert all(torch.equal(started[name], tensors[name]) for name in tensors)


def test_a_file_of_ours_says_what_it_is(tmp_path):
    """predict rebuilds the network from it alone."""
    path = tmp_path / "w.safetensors"
    options = {"shortcut": "pad", "stem": "deep", "stem_pool": False, "attention": "cbam"}
    settings = asked(**options, pool="gem", neck=8, grapheme_head=True, grapheme_pool="sum")
    tensors = write_ours(path, settings)
    network, record = load_weights(path)
    assert record.settings == learning_settings(settings)
    assert {**record.settings, **options} == record.settings
    assert all(torch.equal(network.state_dict()[name], tensors[name]) for name in tensors)
    assert network(pictures(1, 1, 32, 32)).pool == "sum"


def test_weights_of_another_trunk_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    write_ours(path, asked("resnet18"))
    assert refusal(asked("article", init=path)) == (
        f"init={path}: its trunk is resnet18, expected article; give trunk=resnet18, or weights of"
        " the other"
    )


@pytest.mark.parametrize("of_train", [True, False])
def test_a_refusal_begins_with_the_setting(tmp_path, of_train):
    path = tmp_path / "w.safetensors"
    if of_train:
        tensors = write_ours(path, asked("article"))
        with safe_open(path, "pt") as file:
            metadata = {"graphemes": unsealed_record(file.metadata())}
        save_file(dict(list(tensors.items())[1:]), path, metadata)
    else:
        save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)
    told = "is missing; is it of another network?" if of_train else "isn't from this project"
    said = refusal(asked("article", init=path))
    assert said.startswith(f"init={path}: ")
    assert told in said


@pytest.mark.parametrize(
    ("key", "value", "was"),
    [
        ("neck", 8, "0"),
        ("shortcut", "pad", "project"),
        ("stem", "3x3", "7x7"),
        ("stem_pool", False, "true"),
        ("pool", "max", "avg"),
        ("attention", "se", "none"),
        ("grapheme_head", True, "false"),
    ],
)
def test_weights_of_another_option_are_refused(tmp_path, key, value, was):
    """Though some options leave all tensors their shapes."""
    path = tmp_path / "w.safetensors"
    write_ours(path, asked())
    said = refusal(asked(**{key: value}, init=path))
    assert said.startswith(f"init={path}: its {key} is {was}, expected ")


def test_weights_may_begin_a_training_with_other_dropout(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = write_ours(path, asked())
    started = initial_network(asked(dropout=0.3, init=path)).state_dict()
    assert all(torch.equal(started[name], tensors[name]) for name in tensors)


def test_tensors_that_modules_share_are_written(tmp_path):
    settings = asked("resnet18")
    network = build_network(settings, settings.image_size, 7)
    network.heads["root"].weight = torch.nn.Parameter(torch.zeros(168, 512))
    shared = network.state_dict() | {"twin": network.heads["root"].weight}
    record = WeightsRecord({}, "0", 1, None, {}, {}, False, [168, 11, 7])
    save_weights(tmp_path / "w.safetensors", shared, record, np.array([1]))
    assert torch.equal(load_file(tmp_path / "w.safetensors")["twin"], torch.zeros(168, 512))


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_file_of_timms_fills_its_trunk_and_three_channels_are_summed(tmp_path, ending):
    path = tmp_path / f"w{ending}"
    tensors = write_timms(path)
    network = initial_network(asked("timm/resnet18", init=path), 3)
    trunk = network.trunk.model.state_dict()
    assert network.trunk.model.pretrained_cfg["state_dict"] is None  # each copy would copy them
    torch.testing.assert_close(trunk["conv1.weight"], tensors["conv1.weight"].sum(1, keepdim=True))
    rest = [name for name in trunk if name != "conv1.weight"]
    assert all(torch.equal(trunk[name], tensors[name]) for name in rest)
    heads = initial_network(asked("timm/resnet18"), 3).heads.state_dict()
    assert network.heads.state_dict().keys() == heads.keys()


def test_a_file_of_fresh_weights_is_one_too(tmp_path):
    """Norms at 1 and 0 are those that a fresh network has anyway."""
    path = tmp_path / "w.pth"
    tensors = timm_library().create_model("resnet18").state_dict()
    torch.save(tensors, path)
    trunk = initial_network(asked("timm/resnet18", init=path)).trunk.model.state_dict()
    assert torch.equal(trunk["layer1.0.conv1.weight"], tensors["layer1.0.conv1.weight"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resnet34", "80 tensors have no place in it, as 'layer1.2.bn1.bias'; are they of"),
        ("mobilenetv3_large_100", "isn't weights of timm/resnet18"),  # timm says what
    ],
)
def test_a_file_of_another_network_of_timms_is_refused(tmp_path, capfd, name, sentence):
    path = tmp_path / "w.safetensors"
    write_timms(path, name)
    capfd.readouterr()
    said = refusal(asked("timm/resnet18", init=path))
    assert said.startswith(f"init={path}: isn't weights of timm/resnet18")
    assert sentence in said
    assert capfd.readouterr().err == ""


def test_a_file_that_lacks_a_part_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = write_timms(path)
    save_file({key: tensors[key] for key in tensors if "conv" not in key}, path)
    assert "17 of its 100 tensors aren't there, as 'conv1.weight'" in refusal(
        asked("timm/resnet18", init=path)
    )


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = write_timms(path)
    save_file({**tensors, "bn1.bias": torch.full((64,), torch.nan)}, path)
    assert "(its tensor 'bn1.bias' has values that are not finite)" in refusal(
        asked("timm/resnet18", init=path)
    )


def test_a_file_of_timms_may_be_wrapped_and_its_names_prefixed(tmp_path):
    path = tmp_path / "w.pth"
    tensors = write_timms(path)
    wrapped = {f"module.backbone.{key}": tensor for key, tensor in tensors.items()}
    torch.save({"model_state_dict": {**wrapped, "head.weight": torch.ones(3)}}, path)
    trunk = initial_network(asked("timm/resnet18", init=path)).trunk.model.state_dict()
    assert torch.equal(trunk["layer1.0.conv1.weight"], tensors["layer1.0.conv1.weight"])


def test_what_is_no_weights_file_is_said(tmp_path):
    path = tmp_path / "w.pth"
    torch.save([1, 2], path)
    assert refusal(asked("timm/resnet18", init=path)) == (
        f"init={path}: isn't weights of timm/resnet18 (it holds 'a list'; expected tensors by name,"
        " bare or under state_dict, model_state_dict, model or net)"
    )


def test_no_file_and_no_weights_are_said(tmp_path):
    gone, torn = tmp_path / "gone.safetensors", tmp_path / "torn.safetensors"
    torn.write_bytes(b"nothing")
    for trunk in ("timm/resnet18", "resnet18"):
        for path in (gone, tmp_path):
            said = refusal(asked(trunk, init=path))
            assert said.startswith(f"init={path}: no such weights file; expected one that train")
    assert f"init={torn}: isn't weights of timm/resnet18" in refusal(
        asked("timm/resnet18", init=torn)
    )
    assert "not a whole safetensors file" in refusal(asked("resnet18", init=torn))


def test_a_model_without_weights_of_timms_is_said():
    with pytest.raises(NetworkError, match="timm has no weights for timm/efficientnet_b8"):
        initial_network(asked("timm/efficientnet_b8", pretrained=True))


@pytest.fixture
def no_hub(monkeypatch, tmp_path) -> Path:
    """The hub's address is one where nobody answers; its cache is an empty folder."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


class Ailing(BaseHTTPRequestHandler):
    """A server that is up and can't serve."""

    def do_HEAD(self) -> None:
        self.send_error(503)

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""


def test_a_hub_that_cannot_serve_is_no_network(no_hub, monkeypatch):
    import huggingface_hub.constants

    with ThreadingHTTPServer(("127.0.0.1", 0), Ailing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        assert f"{address} can't be reached" in refusal(asked("timm/resnet18", pretrained=True))
        server.shutdown()


def test_no_network_is_said_at_once(no_hub, monkeypatch):
    download = "huggingface_hub.file_download.hf_hub_download"  # asks for a minute before it ends
    monkeypatch.setattr(download, lambda *_, **__: pytest.fail("it was asked"))
    assert refusal(asked("timm/resnet18", pretrained=True)) == (
        "pretrained=true: http://127.0.0.1:9 can't be reached for the weights of timm/resnet18, and"
        " they aren't on this machine; is there a network? init=FILE takes them from a file"
    )


def test_without_a_network_the_cache_serves(no_hub):
    place = no_hub / "models--timm--resnet18.a1_in1k"
    (place / "snapshots" / "abc").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    tensors = write_timms(place / "snapshots" / "abc" / "model.safetensors")
    trunk = initial_network(asked("timm/resnet18", pretrained=True)).trunk.model.state_dict()
    assert torch.equal(trunk["bn1.weight"], tensors["bn1.weight"])


def test_a_damaged_record_is_said(tmp_path):
    path = tmp_path / "w.safetensors"
    write_ours(path, asked())
    network, record = load_weights(path)
    record.settings["attention"] = "all you need"
    save_weights(path, network.state_dict(), record, np.array([1]))
    with pytest.raises(DataError, match="its record says attention is 'all you need', expected"):
        load_weights(path)
