"""Programs and graphs give what torch gives, for any number of images."""

import json

import numpy as np
import pytest
import torch

from graphemes.foundation.errors import MissingPackage, NetworkError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.types import ImageSize, Tta
from graphemes.inference.export import (
    OUTPUTS,
    PICTURES,
    MeanReader,
    make_program,
    picture_example,
    save_program,
)
from graphemes.inference.onnx_graphs import Session, convert, quantised, save
from graphemes.inference.predict import probabilities
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork, build_network

SIZE = ImageSize(32, 32)
INK = torch.rand(5, 1, *SIZE, generator=torch.Generator().manual_seed(1))


def network(seed: int, **settings: object) -> GraphemeNetwork:
    architecture = Architecture(**{"trunk": "timm/test_resnet", **settings})
    return build_network(architecture, SIZE, seed).eval()


@pytest.fixture(scope="module")
def networks() -> list[GraphemeNetwork]:
    """Two of different weights, one of them with pooled graphemes and learned pooling."""
    return [network(1), network(2, grapheme_head=True, pool="gem", neck=16)]


@pytest.fixture(scope="module")
def program(networks) -> torch.export.ExportedProgram:
    return make_program(MeanReader(networks), picture_example(SIZE))


@pytest.fixture(scope="module")
def graph(program):
    return convert(program, PICTURES, OUTPUTS)


def by_torch(
    networks: list[GraphemeNetwork], ink: torch.Tensor, tta: Tta = "none"
) -> PerHead[np.ndarray]:
    batches = [(ink, PerHead(*[torch.zeros(len(ink))] * 3))]
    engine = Engine(torch.device("cpu"), "fp32")
    return probabilities(networks, batches, engine, lambda count, **_: None, tta)


def assert_close(got, wanted, most: float) -> None:
    for head, mine, theirs in zip(HEADS, got, wanted, strict=True):
        assert mine.shape == theirs.shape == (len(theirs), head.classes)
        assert mine.dtype == np.float32
        assert np.abs(mine - theirs).max() < most


@pytest.mark.parametrize("count", [1, 5])
def test_a_graph_of_two_networks_gives_their_mean(graph, networks, count, tmp_path):
    save(graph, tmp_path / "graph.onnx")
    session = Session(tmp_path / "graph.onnx")
    got = session(INK[:count].numpy())
    assert_close(got, by_torch(networks, INK[:count]), 1e-5)
    apart = np.abs(got.root - by_torch(networks[:1], INK[:count]).root).max()
    assert apart > 1e-4, "the second network isn't in it"
    assert not session.reads_scans
    assert session.session.get_inputs()[0].shape == ["batch", 1, 32, 32]


def test_a_program_is_read_again_without_our_code(program, networks, tmp_path):
    path = tmp_path / "program.pt2"
    read = save_program(program, path, json.dumps({"crop": "ink"}))
    inside = {"graphemes.json": ""}
    module = torch.export.load(path, extra_files=inside).module()
    assert json.loads(inside["graphemes.json"]) == {"crop": "ink"}
    for count in (1, 5):
        wanted = by_torch(networks, INK[:count])
        assert_close(read(INK[:count].numpy()), wanted, 1e-5)
        with torch.no_grad():
            assert_close([one.numpy() for one in module(INK[:count])], wanted, 1e-5)


def test_our_own_trunks_are_exported_too(tmp_path):
    own = [network(3, trunk="resnet18", attention="se", pool="avgmax")]
    program = make_program(MeanReader(own), picture_example(SIZE))
    save(convert(program, PICTURES, OUTPUTS), tmp_path / "graph.onnx")
    assert_close(Session(tmp_path / "graph.onnx")(INK.numpy()), by_torch(own, INK), 1e-5)


def test_views_are_averaged_inside(networks, tmp_path):
    """Shifts in a program of torch's, scales in a graph: what each is made of is in the other."""
    moved = make_program(MeanReader(networks[:1], tta="shifts"), picture_example(SIZE))
    with torch.no_grad():
        found = [head.numpy() for head in moved.module()(INK)]
    assert_close(found, by_torch(networks[:1], INK, "shifts"), 1e-5)
    zoomed = make_program(MeanReader(networks[:1], tta="scales"), picture_example(SIZE))
    save(convert(zoomed, PICTURES, OUTPUTS), tmp_path / "graph.onnx")
    got = Session(tmp_path / "graph.onnx")(INK[:1].numpy())
    assert_close(got, by_torch(networks[:1], INK[:1], "scales"), 1e-5)
    assert np.abs(got.root - by_torch(networks[:1], INK[:1]).root).max() > 1e-5


def test_int8_is_near_and_small(graph, networks, tmp_path):
    batches = [ink.numpy() for ink in torch.rand(32, 1, *SIZE).split(8)]
    small = quantised(graph, batches)
    kinds = [node.op_type for node in small.graph.node]
    assert "QuantizeLinear" in kinds
    assert "DequantizeLinear" in kinds
    save(small, tmp_path / "small.onnx")
    assert small.ByteSize() < 0.5 * graph.ByteSize()
    session = Session(tmp_path / "small.onnx")
    for count in (1, 5):
        assert_close(session(INK[:count].numpy()), by_torch(networks, INK[:count]), 0.05)


def test_half_precision_is_near_and_sums_to_one(networks, tmp_path):
    pooled = networks[1:]  # whose features go to float32 on the way
    program = make_program(MeanReader(pooled, half=True), picture_example(SIZE))
    half = convert(program, PICTURES, OUTPUTS)
    save(half, tmp_path / "half.onnx")
    got = Session(tmp_path / "half.onnx")(INK.numpy())
    assert_close(got, by_torch(pooled, INK), 0.01)
    for head in got:
        np.testing.assert_allclose(head.sum(1), 1, atol=1e-5)
    assert all(one.dtype == torch.float32 for one in pooled[0].parameters()), "not a copy"


def test_weights_beyond_half_precision_are_refused():
    large = network(1)
    with torch.no_grad():
        large.heads["root"].weight[0, 0] = 1e5
    with pytest.raises(NetworkError, match=r"'heads\.root\.weight' goes up to 1e\+05.*dtype=fp32"):
        MeanReader([large], half=True)


class Undecided(torch.nn.Module):
    """What it computes hangs on what it is given."""

    def forward(self, ink: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (ink if ink.sum() > 0 else -ink,) * 3


def test_a_network_that_cannot_be_followed_is_said():
    with pytest.raises(NetworkError, match=r"can't be exported: .*take format=weights") as caught:
        make_program(Undecided(), picture_example(SIZE))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(package, monkeypatch):
    from graphemes.inference.onnx_library import onnx_library, onnxruntime_library

    monkeypatch.setitem(__import__("sys").modules, package, None)
    load = onnxruntime_library if package == "onnxruntime" else onnx_library
    with pytest.raises(MissingPackage, match=f"{package} isn't installed; pip install onnx"):
        load()
