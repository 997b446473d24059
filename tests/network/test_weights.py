"""The weights file: there and back, and a sentence for each way it can be wrong."""

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.checksums import checksum
from graphemes.network.model import build_network
from graphemes.network.weights import (
    TRAINED_ON,
    WeightsRecord,
    load_weights,
    save_weights,
    trained_on,
)

RECORD = WeightsRecord(
    settings={"trunk": "resnet34", "image_size": "64x64", "crop": "ink", "seed": 1},
    fold="0",
    epoch=3,
    score=0.875,
    digests={"data": "d", "folds": "f"},
    versions={"torch": "2"},
    demo=True,
    classes=[168, 11, 7],
)
FINGERPRINTS = np.array([5, -(2**63), 2**63 - 1, 0])


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return build_network(Architecture(), ImageSize(64, 64), 1).state_dict()


@pytest.fixture(scope="module")
def written(state, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("fold0") / "weights.safetensors"
    save_weights(path, state, RECORD, FINGERPRINTS)
    return path


def test_the_same_network_is_the_same_bytes_each_time(tmp_path):
    tensors = {"a": torch.ones(3), "b": torch.zeros(2, 2)}
    written = set()
    for number in range(12):  # chance would have it so once in 4,000 times
        save_weights(tmp_path / f"{number}", tensors, RECORD, FINGERPRINTS)
        written.add((tmp_path / f"{number}").read_bytes())
    assert len(written) == 1


def test_a_checksum_that_is_an_entry_of_its_own_is_looked_at_too(tmp_path, state):
    text = json.dumps({key: value for key, value in asdict(RECORD).items() if key != "checksum"})
    tensors = {**state, TRAINED_ON: torch.tensor(np.sort(FINGERPRINTS))}
    whole = checksum([text, {name: tensors[name] for name in sorted(tensors)}])
    save_file(tensors, tmp_path / "w", {"graphemes": text, "checksum": whole})
    assert load_weights(tmp_path / "w")[1] == RECORD
    save_file(tensors, tmp_path / "w", {"graphemes": text, "checksum": whole[::-1]})
    with pytest.raises(DataError, match="another checksum"):
        load_weights(tmp_path / "w")


def test_what_is_written_is_read_again(written, state):
    network, record = load_weights(written)
    assert record == RECORD
    assert not network.training
    read = network.state_dict()
    assert all(torch.equal(read[name], state[name]) for name in state)
    assert trained_on(written).tolist() == sorted(FINGERPRINTS.tolist())
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_the_file_alone_says_how_it_was_made(written):
    """Anybody's tool can read it: length, JSON header, tensors."""
    content = written.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    told = json.loads(header["__metadata__"]["graphemes"])
    assert len(told["checksum"]) == 32
    assert {**told, "checksum": ""} == asdict(RECORD)


def test_fingerprints_of_no_images_are_allowed(tmp_path, state):
    path = tmp_path / "w.safetensors"
    save_weights(path, state, replace(RECORD, score=None), np.array([], np.int64))
    assert trained_on(path).tolist() == []
    assert load_weights(path)[1].score is None


def test_tensors_in_another_memory_format_are_written_too(tmp_path, state):
    network = build_network(Architecture(), ImageSize(64, 64), 2).to(
        memory_format=torch.channels_last
    )
    network.load_state_dict(state)
    path = tmp_path / "w.safetensors"
    save_weights(path, network.state_dict(), RECORD, FINGERPRINTS)
    read = load_weights(path)[0].state_dict()
    assert all(torch.equal(read[name], state[name]) for name in state)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_weights(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said.removeprefix(f"{path}: ")


def test_a_missing_file_is_said(tmp_path):
    path = tmp_path / "gone.safetensors"
    assert refusal(path) == "no such weights file; train first, or give weights=PATH"
    assert "no such weights file" in refusal(tmp_path)  # a folder
    with pytest.raises(DataError, match=r"gone\.safetensors: no such weights file$"):
        trained_on(path)


@pytest.mark.parametrize("length", [0, 4, 8, 9, 1000, 1_000_000, -1])
def test_a_cut_file_is_said(tmp_path, written, length):
    path = tmp_path / "cut.safetensors"
    with written.open("rb") as source, path.open("wb") as target:
        target.write(source.read(length if length >= 0 else written.stat().st_size + length))
    said = refusal(path)
    assert re.fullmatch(r"not a whole safetensors file \(.+\); copy it again", said)
    with pytest.raises(DataError, match=r"cut\.safetensors: not a whole safetensors file"):
        trained_on(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_never_opened(tmp_path, zipped):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=zipped)
    said = "it is a pickle (.pt, .pth), which can run code; expected a .safetensors file"
    assert refusal(path) == said


def test_a_cut_header_of_a_pickles_first_byte_is_no_pickle(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"\x80\x02" + bytes(6) + b'{"a"')
    assert refusal(path).startswith("not a whole safetensors file")


def test_tensors_without_a_record_are_said(tmp_path, state):
    path = tmp_path / "other.safetensors"
    save_file(state, path)
    assert refusal(path).startswith("its metadata has no 'graphemes' entry")
    with pytest.raises(DataError, match=r"other\.safetensors: "):
        trained_on(path)


def record_refusal(path: Path, text: str) -> str:
    save_file({TRAINED_ON: torch.zeros(1)}, path, {"graphemes": text})
    return refusal(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"fold": "0"}', "3"])
def test_a_record_that_is_none_is_said(tmp_path, text):
    said = record_refusal(tmp_path / "w.safetensors", text)
    assert re.fullmatch(r"its record can't be read \(.+\); train again", said)


def test_a_record_of_a_later_version_is_said(tmp_path):
    text = json.dumps({**asdict(RECORD), "colour": "blue"})
    said = record_refusal(tmp_path / "w.safetensors", text)
    assert said == "its record can't be read (colour: Unexpected keyword argument); train again"
    said = record_refusal(tmp_path / "w.safetensors", "no JSON")
    assert said.startswith("its record can't be read (Invalid JSON: expected ident")


def test_other_classes_are_said(tmp_path):
    text = json.dumps({**asdict(RECORD), "classes": [168, 11, 8]})
    said = record_refusal(tmp_path / "w.safetensors", text)
    assert said == "it has [168, 11, 8] classes, expected [168, 11, 7]; train again"


def test_an_unknown_trunk_is_said(tmp_path):
    text = json.dumps({**asdict(RECORD), "settings": {**RECORD.settings, "trunk": "vgg"}})
    said = record_refusal(tmp_path / "w.safetensors", text)
    assert said.startswith("its network can't be built here: trunk=vgg: neither one of ours")


def test_a_record_whose_settings_contradict_is_said(tmp_path):
    text = json.dumps({**asdict(RECORD), "settings": {**RECORD.settings, "grapheme_pool": "sum"}})
    said = record_refusal(tmp_path / "w.safetensors", text)
    assert said.startswith("its network can't be built here: grapheme_pool=sum: there is no")


def planted(path: Path, state: dict[str, torch.Tensor], **changes: torch.Tensor | None) -> str:
    """What is said when tensors of heads.root are changed, or taken out with None."""
    tensors: dict[str, torch.Tensor | None] = {**state}
    tensors |= {f"heads.root.{name}": tensor for name, tensor in changes.items()}
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_weights(path, kept, RECORD, FINGERPRINTS)
    said = refusal(path)
    shutil.rmtree(path.parent)
    return said


def test_tensors_that_do_not_fit_are_named(tmp_path, state):
    path = tmp_path / "fold" / "w.safetensors"
    assert planted(path, state, bias=None) == (
        "tensor 'heads.root.bias' is missing; is it of another network?"
    )
    assert planted(path, state, bias=torch.zeros(7)) == (
        "tensor 'heads.root.bias' is (7,), expected (168,); is it of another network?"
    )
    assert planted(path, state, scale=torch.zeros(1)) == (
        "tensor 'heads.root.scale' is unknown; is it of another network?"
    )
    for bad in (float("nan"), float("inf")):
        spoilt = state["heads.root.bias"].clone()
        spoilt[3] = bad
        assert planted(path, state, bias=spoilt) == (
            "tensor 'heads.root.bias' has values that are not finite; train again"
        )


def test_a_failed_write_leaves_the_old_weights(tmp_path, state):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_weights(path, state, replace(RECORD, score=float("nan")), FINGERPRINTS)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_full_disk_is_a_sentence_and_leaves_the_old_file(tmp_path, state):
    resource = pytest.importorskip("resource")  # Windows has no such limits
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(UserError, match=r"w\.safetensors: could not be written: "):
            save_weights(path, state, RECORD, FINGERPRINTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
