"""Several processes end as one command: one sentence, one exit code, none left."""

import os
import signal
import tempfile
import threading
from pathlib import Path

import pytest

import graphemes.__main__ as door
from graphemes.__main__ import run_as_rank
from graphemes.foundation.errors import AlreadySaid, SettingsError, UserError
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.training.launch import launch
from training.entries import one_is_killed

TWO = TrainSettings(processes=2, device="cpu")


@pytest.fixture
def nothing_left(monkeypatch, tmp_path):
    """Handlers of signals and the directory for temporaries are afterwards as they were."""
    kept = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == kept
    assert not list(tmp_path.glob("torchelastic_*"))


@pytest.mark.usefixtures("nothing_left")
def test_a_process_that_is_killed_ends_all(tmp_path, capfd):
    note = tmp_path / "first"
    with pytest.raises(UserError, match=r"^process 2 of 2 was ended by SIGKILL, so all were; "):
        launch(one_is_killed, [str(note)], TWO)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.usefixtures("nothing_left")
def test_what_all_processes_refuse_is_said_once(tmp_path, capfd):
    words = ["train", "processes=2", "device=cpu", "data_dir=/nowhere", f"work_dir={tmp_path}"]
    with pytest.raises(AlreadySaid) as caught:
        launch(run_as_rank, words, TWO)
    assert caught.value.code == 2
    said = capfd.readouterr()
    assert said.err.startswith("graphemes: data_dir=/nowhere: ")
    assert (said.out, said.err.count("\n")) == ("", 1)


@pytest.mark.usefixtures("nothing_left")
def test_processes_that_end_well_end_the_command(capfd):
    launch(run_as_rank, ["train", "help"], TWO)
    assert "processes" in capfd.readouterr().out


def test_processes_have_time_to_score_and_predict_at_their_end(monkeypatch):
    seen = []
    monkeypatch.setattr("graphemes.training.launch.elastic_launch", lambda c, _: seen.append(c))
    with pytest.raises(TypeError):  # what was to be called is None
        launch(run_as_rank, [], TWO)
    if not hasattr(seen[0], "shutdown_timeout"):
        pytest.skip("this torch has no word for it")
    assert seen[0].shutdown_timeout >= 600


def test_more_processes_than_gpus_are_refused_before_any_starts(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("graphemes.network.devices.idle_gpu", lambda *_: None)
    for device in ("cuda", "auto"):
        settings = TrainSettings(processes=3, device=device)
        with pytest.raises(SettingsError, match=r"^processes: 3 on this machine, which has 2 CUDA"):
            launch(one_is_killed, [str(Path("/nowhere"))], settings)
    with pytest.raises(SettingsError, match=r"^device=cuda:1, processes=2: expected a device for"):
        launch(one_is_killed, [], TrainSettings(processes=2, device="cuda:1"))


def test_more_processes_than_cores_are_refused_before_any_starts(monkeypatch):
    monkeypatch.setattr("graphemes.training.launch.usable_cores", lambda: 4)
    with pytest.raises(SettingsError, match=r"^processes=5: this machine gives 4 core\(s\) and no"):
        launch(one_is_killed, [], TrainSettings(processes=5, device="cpu"))


def test_only_train_runs_in_several_processes(run, monkeypatch):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    said = run("score")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("graphemes: 'score' runs in one process and torchrun started 2")
    monkeypatch.setenv("RANK", "1")  # of which the first has spoken
    said = run("train", epoch=3)
    assert (said.code, said.out, said.err) == (2, "", "")
    monkeypatch.setenv("RANK", "x")
    assert "RANK=x, WORLD_SIZE=2" in run("score").err


def test_one_that_a_signal_ended_well_waits_for_nobody(monkeypatch):
    """What torch's engine passed a signal on to it waits for, and takes nothing from any more."""
    left = threading.Event()
    monkeypatch.setattr(door, "main", lambda _words, *, launched: -signal.SIGTERM * launched)
    monkeypatch.setattr(door, "GRACE", 0.05)
    monkeypatch.setattr("os._exit", lambda code: left.set() if code == 0 else None)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        run_as_rank(["train"])
        assert left.wait(10)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
