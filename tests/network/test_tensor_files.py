"""Files that others wrote: their tensors are found wherever trainings put them; nothing is run."""

import argparse
import pickle
import re
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from graphemes.network.tensor_files import below_prefix, is_pickle, read_tensors

TENSORS = {"conv1.weight": torch.arange(6.0).reshape(2, 3), "bn1.bias": torch.ones(2)}


def same(got: dict[str, torch.Tensor]) -> bool:
    return got.keys() == TENSORS.keys() and all(torch.equal(got[key], TENSORS[key]) for key in got)


@pytest.mark.parametrize(
    "wrapped",
    [
        TENSORS,
        {"state_dict": TENSORS, "epoch": 3},
        {"model_state_dict": TENSORS, "optimizer": {"lr": 0.1}},
        {"model": TENSORS},
        {"model": {"state_dict": TENSORS}},
        {"state_dict_ema": TENSORS, "state_dict": {"conv1.weight": torch.zeros(2, 3)}},
        {"net": TENSORS},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])  # torchvision's older files aren't
def test_tensors_are_found_where_trainings_put_them(tmp_path, wrapped, zipped):
    path = tmp_path / "w.pth"
    torch.save(wrapped, path, _use_new_zipfile_serialization=zipped)
    assert is_pickle(path)
    assert same(read_tensors(path))


def test_safetensors_are_read_whatever_their_name(tmp_path):
    path = tmp_path / "w.bin"
    save_file(TENSORS, path)
    assert not is_pickle(path)
    assert same(read_tensors(path))


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.net.backbone.", "encoder."])
def test_a_prefix_of_the_names_is_taken_off_and_heads_are_left(prefix):
    names = {"conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer1.0.bn1.bias"}
    tensors = {f"{prefix}{name}": torch.ones(1) for name in names}
    tensors[f"{prefix}fc.bias"] = torch.ones(1)
    others = {"head.weight": torch.ones(1)} if prefix else {}
    assert below_prefix({**tensors, **others}, names).keys() == names | {"fc.bias"}


def test_names_of_another_network_stay_as_they_are():
    tensors = {"a.norm.weight": torch.ones(1), "b": torch.ones(1)}
    assert below_prefix(tensors, {"norm.weight", "x", "y"}) == tensors


def test_two_networks_in_one_file_are_said():
    tensors = {f"{who}.{name}": TENSORS[name] for who in ("student", "teacher") for name in TENSORS}
    with pytest.raises(ValueError, match=r"several such networks, under 'student\.', 'teacher\.';"):
        below_prefix(tensors, TENSORS.keys())


class Bomb:
    def __reduce__(self) -> tuple:
        return (pytest.fail, ("the pickle was run",))


def cut(path) -> None:
    torch.save({"a": torch.ones(2000)}, path)
    path.write_bytes(path.read_bytes()[:4000])


def archive(path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "b")


def of_another_version(path) -> None:
    """An archive whose table of contents says that it takes a reader of version 13."""
    torch.save(TENSORS, path)
    content = path.read_bytes()
    place = content.index(b"PK\1\2") + 6
    path.write_bytes(content[:place] + b"\x82" + content[place + 1 :])


def odd_pickle(path) -> None:
    """Of torchvision's older kind, which names the numbers otherwise where they lie."""
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)
    name = str(TENSORS["bn1.bias"].untyped_storage()._cdata).encode()
    before, found, behind = path.read_bytes().rpartition(name)
    path.write_bytes(before + b"0" * len(found) + behind)


TELLS_HOW = "which could run code; where it was made, save its tensors alone: torch.save(model"
REFUSED = {
    "a module": (
        lambda path: torch.save(torch.nn.Linear(2, 2), path),
        "it is a pickle with torch.nn.modules.linear.Linear in it, " + TELLS_HOW,
    ),
    "a namespace": (
        lambda path: torch.save({"state_dict": TENSORS, "args": argparse.Namespace()}, path),
        "it is a pickle with argparse.Namespace in it, " + TELLS_HOW,
    ),
    "code": (lambda path: torch.save({"a": Bomb()}, path), TELLS_HOW),
    "plain pickle": (
        lambda path: path.write_bytes(pickle.dumps({"a": np.ones(2)})),
        "it is a pickle of more than tensors, " + TELLS_HOW,
    ),
    "TorchScript": (
        lambda path: torch.jit.trace(torch.nn.ReLU(), torch.ones(1)).save(path),
        "it is a TorchScript archive, " + TELLS_HOW,
    ),
    "other keys": (
        lambda path: torch.save({"weights": TENSORS, "a": 1, "b": 2, "c": 3, "d": 4}, path),
        "it holds 'weights', 'a', 'b' and 2 more; expected tensors by name, bare or under"
        " state_dict, model_state_dict, model or net",
    ),
    "no tensors": (lambda path: torch.save({"state_dict": {}}, path), "it holds nothing; expected"),
    "a number": (lambda path: torch.save({"state_dict": 3}, path), "it holds 'state_dict'; expe"),
    "a list": (lambda path: torch.save([1], path), "it holds 'a list'; expected tensors by name"),
    "cut": (cut, "a torch.save that isn't whole; copy it again"),
    "of another version": (of_another_version, "a torch.save that isn't whole; copy it again"),
    "an odd pickle": (odd_pickle, "a torch.save that isn't whole; copy it again"),
    "a zip": (archive, "a torch.save that isn't whole; copy it again"),
    "empty": (lambda path: path.write_bytes(b""), "not a whole safetensors file ("),
    "a letter": (lambda path: path.write_text("a letter"), "nor one of torch.save; copy it again"),
    "not finite": (
        lambda path: torch.save({"a": torch.ones(1), "b": torch.tensor([torch.nan])}, path),
        "its tensor 'b' has values that are not finite",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of making the archive
def test_what_holds_no_tensors_is_said_in_a_line(tmp_path, name):
    path = tmp_path / "w.pth"
    write, said = REFUSED[name]
    write(path)
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)
