"""A checkpoint puts a learner back exactly, or says that it can't."""

import json
import pickle
import random

import pytest
import torch
from torch import nn

from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.settings.groups import Learning
from graphemes.network.devices import Engine
from graphemes.training.checkpoints import (
    History,
    check_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from graphemes.training.epoch import Begun, Learner, make_learner, set_random_states

HISTORY = History(
    epochs=2,
    image_passes=40,
    train_seconds=1.5,
    best_epoch=1,
    best_score=0.25,
    log=[{"epoch": 1, "loss": 2.5, "recall": {"root": 0.5}}, {"epoch": 2, "score": None}],
)


def learner(seed: int, width: int = 3) -> Learner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width))
    engine = Engine(torch.device("cpu"), "fp32")
    return make_learner(network, Learning(ema=0.9), engine, steps=20)


def step(ours: Learner, seed: int) -> None:
    ours.optimiser.zero_grad()
    x = torch.rand(5, 4, generator=torch.Generator().manual_seed(seed))
    (ours.network(x) - 1).square().sum().backward()
    ours.optimiser.step()
    ours.schedule.step()
    ours.average.update(ours.network)


def tensors(ours: Learner) -> list[torch.Tensor]:
    return [*ours.network.state_dict().values(), *ours.average.average.state_dict().values()]


@pytest.fixture
def trained():
    ours = learner(0)
    for seed in range(3):
        step(ours, seed)
    return ours


@pytest.fixture
def path(tmp_path, trained):
    save_checkpoint(tmp_path / "state" / "last.pt", trained, HISTORY)
    return tmp_path / "state" / "last.pt"


def test_a_learner_goes_on_exactly_where_it_stopped(path, trained):
    other = learner(9)
    assert load_checkpoint(path, other) == (HISTORY, None)
    for seed in range(3, 6):
        step(trained, seed)
        step(other, seed)
    assert all(map(torch.equal, tensors(trained), tensors(other)))
    assert other.schedule.get_last_lr() == trained.schedule.get_last_lr()
    assert [file.name for file in path.parent.iterdir()] == ["last.pt"]


def test_any_bit_of_a_state_is_noticed_or_says_nothing(path):
    """Only an archive's padding, and what it keeps twice, are of no matter."""
    known = torch.load(path, weights_only=True)["checksum"]
    whole, chance, noticed = path.read_bytes(), random.Random(0), 0
    for _ in range(200):
        content, place = bytearray(whole), chance.randrange(len(whole))
        content[place] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            check_checkpoint(path)
        except DataError:
            noticed += 1
        else:
            assert torch.load(path, weights_only=True)["checksum"] == known
    assert noticed > 50
    path.write_bytes(whole)
    check_checkpoint(path)
    torch.save({**torch.load(path, weights_only=True), "progress": {}}, path)
    with pytest.raises(DataError, match="it isn't as it was written: another checksum"):
        load_checkpoint(path, learner(0))


def test_an_epoch_on_the_way_goes_along(tmp_path, trained):
    """With torch's own stream of random numbers, where it was."""
    path, begun = tmp_path / "last.pt", Begun(7, 2.5, 28, 1.5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        save_checkpoint(path, trained, HISTORY, begun)
        drawn = torch.rand(4)
    history, found = load_checkpoint(path, learner(9))
    assert history == HISTORY
    assert (found.steps, found.total, found.images, found.seconds) == (7, 2.5, 28, 1.5)
    with torch.random.fork_rng(devices=[]):
        set_random_states(found.random, torch.device("cpu"))
        assert torch.equal(torch.rand(4), drawn)


def refusal(path, ours: Learner) -> str:
    with pytest.raises(DataError) as caught:
        load_checkpoint(path, ours)
    said = str(caught.value)
    assert said.startswith(f"{path}: can't go on from it (")
    assert said.endswith("); resume=false starts the fold afresh")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"\x80\x02nonsense",
        b"PK\x03\x04nonsense",
        pickle.dumps({"a": 1}, protocol=2),
    ],
)
def test_a_file_that_is_no_checkpoint_is_said(path, content):
    path.write_bytes(content)
    refusal(path, learner(0))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_checkpoint_is_said(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refusal(path, learner(0))


def test_a_missing_checkpoint_is_said(tmp_path):
    assert "No such file" in refusal(tmp_path / "last.pt", learner(0))


def test_a_checkpoint_of_another_network_is_said(path):
    assert "size mismatch" in refusal(path, learner(0, width=5))


def test_a_checkpoint_of_another_version_is_said(path, trained):
    content = torch.load(path, weights_only=True)
    del content["checksum"]
    torch.save({key: value for key, value in content.items() if key != "average"}, path)
    assert "'average'" in refusal(path, learner(0))
    torch.save({**content, "progress": {"epoch": 3}}, path)
    assert "'epoch'" in refusal(path, learner(0))
    torch.save([1, 2], path)
    refusal(path, learner(0))


def test_a_checkpoint_runs_no_code(path, tmp_path):
    class Trap:
        def __reduce__(self):
            return (json.dumps, ("sprung",))

    torch.save({"progress": Trap()}, path)
    refusal(path, learner(0))


def test_a_full_disk_is_a_sentence_and_leaves_the_old_file(path, trained):
    resource = pytest.importorskip("resource")  # Windows has no such limits
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    content = path.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(UserError, match=r"last\.pt: could not be written: "):
            save_checkpoint(path, trained, HISTORY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_process_killed_meanwhile_is_no_fault_of_the_file(path, trained, monkeypatch):
    """torch tells of it in a signal handler, wherever this process is."""

    def interrupted(*_: object) -> None:
        raise RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")

    content = path.read_bytes()
    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(RuntimeError, match=r"^DataLoader worker \(pid 12\) is killed"):
        save_checkpoint(path, trained, HISTORY)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]
