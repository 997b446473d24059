"""Two processes that train together do what one with batches of twice the size would do."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from conftest import REPOSITORY
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.network.ranks import ALONE, Ranks, joined
from graphemes.network.sync_norm import SyncedNorm, need_plain_norms
from graphemes.pipeline.run_plan import of_these_ranks
from training.one_of_two import BATCH, WAYS, Small, learned, mixing_draws

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> list[dict]:
    """What two processes found."""
    return found_by_two(tmp_path_factory.mktemp("two"), "cpu")


def found_by_two(out: Path, device: str) -> list[dict]:
    """What two processes found, as `one_of_two` writes it down."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(HERE.parent)]),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-P", "-W", "error", str(HERE / "one_of_two.py"), str(out), device],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return [torch.load(out / f"rank{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("way", WAYS)
def test_two_with_half_a_batch_are_one_with_the_whole(two, way):
    need_like_one(two, way, "cpu", 1e-5)


@pytest.mark.gpu
def test_two_that_share_a_gpu_are_one(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.backends.cudnn.allow_tf32", False)
    two = found_by_two(tmp_path, "cuda:0")
    for way in WAYS:
        need_like_one(two, way, "cuda:0", 1e-4)


def need_like_one(two: list[dict], way: str, device: str, gap: float) -> None:
    alone, losses = learned(way, device=device, batch_size=BATCH, accumulate=1)
    judges = alone.network.cpu().state_dict(), alone.average.network.cpu().state_dict()
    for found in two:
        *states, their_losses = found[way]
        assert their_losses == pytest.approx(losses, rel=gap)
        for state, judge in zip(states, judges, strict=True):
            assert state.keys() == judge.keys()
            for name, tensor in state.items():
                torch.testing.assert_close(tensor, judge[name], rtol=0, atol=gap)


def test_weights_moved_and_the_ways_differ(two):
    """Or the test above would hold for a training that does nothing."""
    fresh = Small(still=True).state_dict()
    frozen, synchronised = (two[0][way][0] for way in ("frozen", "synchronised"))
    assert (frozen["first.weight"] - fresh["first.weight"]).abs().max() > 0.01
    assert torch.equal(frozen["norm.running_mean"], fresh["norm.running_mean"])
    assert not torch.equal(synchronised["norm.running_mean"], fresh["norm.running_mean"])


def test_accumulated_batches_are_one_large_batch():
    large, losses = learned("frozen", batch_size=BATCH)
    pieces, their_losses = learned("frozen", batch_size=BATCH // 4, accumulate=4)
    assert their_losses == pytest.approx(losses, rel=1e-5)
    for one, other in zip(large.network.parameters(), pieces.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_processes_share_what_they_find(two):
    first, second = two
    assert first["mean"] == second["mean"] == 1.5
    assert first["of_first"] == second["of_first"] == "made by 0"
    assert (first["gathered"], second["gathered"]) == (["from 0", "from 1"], [])
    assert (first["made before"], second["made before"]) == (False, True)
    cores = len(os.sched_getaffinity(0))
    assert first["threads"] == second["threads"] == max(1, cores // 2)


def test_each_process_mixes_by_a_stream_of_its_own(two):
    first, second = (found["mixing"] for found in two)
    assert len({*first, *second}) == len(first) + len(second) == 12  # 3 steps, 2 pieces, 2 ranks
    assert first == mixing_draws(ALONE)[: len(first)]


def test_a_fold_is_resumed_by_all_though_the_first_alone_reads(two):
    assert two[0]["stopped"] == two[1]["stopped"]
    assert two[0]["stopped"] == [
        f"time_limit: fold 0 stopped in epoch {epoch} of 2, after step {step} of 3; the same"
        " command goes on from there"
        for epoch, step in ((1, 2), (2, 1))
    ]
    assert two[0]["history"] == two[1]["history"] == (2, 2 * 96)


def test_nobody_can_tell_from_the_weights_that_two_were_stopped(two):
    halting, straight = two[0]["states"]
    assert halting.keys() == straight.keys()
    assert all(torch.equal(halting[name], straight[name]) for name in straight)


def test_alone_nothing_is_waited_for():
    with joined(None) as ranks:
        assert ranks is ALONE
        assert ranks.of_first(lambda: 5) == 5
        assert ranks.gathered("all") == ["all"]
        assert ranks.mean(2.5) == 2.5
        network = nn.Linear(2, 2)
        assert ranks.parallel(network) is network


def test_a_synchronised_norm_of_one_process_is_torchs():
    torch.manual_seed(0)
    judge, maps = nn.BatchNorm2d(5), torch.randn(7, 5, 3, 4)
    nn.init.normal_(judge.weight)
    mine = SyncedNorm(judge, ALONE)
    mine.running_mean, mine.running_var = torch.zeros(5), torch.ones(5)
    for _ in range(2):
        torch.testing.assert_close(mine(maps), judge(maps))
    for name, buffer in judge.named_buffers():
        torch.testing.assert_close(mine.get_buffer(name), buffer)
    torch.testing.assert_close(mine.eval()(maps), judge.eval()(maps))


def test_norms_of_another_kind_are_refused():
    class Activated(nn.BatchNorm2d):
        """As timm's, which does more than torch's."""

    need_plain_norms(Small(still=False))
    with pytest.raises(SettingsError, match=r"^sync_norm=true: .*\(Activated\)"):
        need_plain_norms(nn.Sequential(Activated(3)))


def test_settings_that_contradict_the_group_are_refused():
    two = Ranks(size=2)
    assert of_these_ranks(TrainSettings(), two).processes == 2
    with pytest.raises(SettingsError, match=r"^processes=3: torchrun started 2 in all"):
        of_these_ranks(TrainSettings(processes=3), two)
    with pytest.raises(SettingsError, match=r"^sync_norm=true: there is one process"):
        of_these_ranks(TrainSettings(sync_norm=True), ALONE)
