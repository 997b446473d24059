"""A whole training in two processes, through the command line."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import QUICK, begun_training, through_the_door
from graphemes.foundation.heads import HEADS

pytestmark = pytest.mark.slow  # each starts torch three times
EXACT = {"device": "cpu", "precision": "fp32", "epochs": 2, "lr": 0.003, "warmup": 0.5}


def words(**settings: object) -> list[str]:
    return [f"{key}={value}" for key, value in {**QUICK, "device": "cpu", **settings}.items()]


def probabilities(work: Path) -> tuple[list[str], np.ndarray]:
    table = pq.read_table(work / "folds" / "fold0" / "oof.parquet").to_pydict()
    columns = [np.array(table[head.probability_column]) for head in HEADS]
    return table["image_id"], np.concatenate(columns, axis=1)


def log(work: Path) -> list[dict]:
    lines = (work / "folds" / "fold0" / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_two_processes_give_what_one_gives(kaggle_like, work, train, tmp_path):
    alone = tmp_path / "alone"
    said = train(data_dir=kaggle_like, work_dir=alone, limit=33, **EXACT)  # 33: uneven parts
    assert said.code == 0, said.err
    both = {**EXACT, "batch_size": 8, "limit": 33, "processes": 2, "sync_norm": "true"}
    said = train(data_dir=kaggle_like, work_dir=work, **both)
    assert said.code == 0, said.err
    assert said.out.count("fold 0 epoch 2/2") == 1
    assert ", 2 processes, " in said.out
    assert " images a step\n" in said.out
    ids, theirs = probabilities(alone)
    found, ours = probabilities(work)
    assert (found, len(found)) == (ids, 33)
    # Adam's first steps are the gradient's sign: where rounding has the say they may differ. Seen:
    # 0.0001; with norms of each process's own 0.008.
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    for one, other in zip(log(alone), log(work), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)
    record = json.loads((work / "folds/fold0/run.json").read_text())
    assert record["identity"]["settings"]["processes"] == 2
    assert record["image_passes"] == 64
    assert (work / "submissions" / "submission.csv").exists()
    said = train(
        data_dir=kaggle_like, work_dir=work, **{**both, "processes": 1, "sync_norm": "false"}
    )
    assert said.code == 2
    assert "processes is 2, asked for 1" in said.err


def children(process: subprocess.Popen[str]) -> list[int]:
    """The ids of the processes that one has started."""
    listed = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    )
    return [
        int(each)
        for each in listed.stdout.split()
        if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]


@pytest.mark.parametrize(
    ("sent", "code", "told"),
    [
        ("one", 2, "was ended by SIGKILL, so all were"),
        (signal.SIGTERM, 0, "stopped; what was finished is kept"),
        (signal.SIGINT, 130, "interrupted; what was finished is kept"),
    ],
)
def test_an_end_in_the_middle_is_said_once_and_gone_on_from(sent, code, told, untested, work):
    settings = {"data_dir": untested, "work_dir": work, "epochs": 500, "processes": 2}
    process, log = begun_training(words(**settings), work), work / "folds" / "fold0" / "log.jsonl"
    ranks = children(process)
    assert len(ranks) == 2
    if sent == "one":
        os.kill(ranks[1], signal.SIGKILL)
    elif sent == signal.SIGINT:
        os.killpg(process.pid, sent)  # as a terminal does
    else:
        process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (out, err)
    assert (out + err).count(told) == 1
    assert err.count("\n") == (code != 0)
    for rank in ranks:
        with pytest.raises(ProcessLookupError):
            os.kill(rank, 0)
    epochs = len(log.read_text().splitlines())
    where = re.search(r"SIGTERM: fold 0 stopped (.+); the same command goes on", out)
    assert (where is not None) == (sent == signal.SIGTERM)
    process = through_the_door(*words(**settings, time_limit="1s"), cwd=work)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"resumed {where[1] if where else f'after epoch {epochs} of 500'}\n" in out
    assert out.count("time_limit: fold 0 stopped") == 1


def test_a_fold_a_machine_in_one_work_directory(kaggle_like, tmp_path, run):
    """Both begin where nothing is: one makes the store and folds.csv, the other waits for it."""
    shared = {"data_dir": kaggle_like, "work_dir": tmp_path / "shared", "name": "five"}
    both = [through_the_door(*words(fold=fold, **shared), cwd=tmp_path) for fold in (0, 1)]
    said = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("there is no whole store yet" in out for out, _ in said) == 1
    assert run("score", work_dir=shared["work_dir"], name="five").code == 0
    run_dir = shared["work_dir"] / "folds" / "five"
    assert set(json.loads((run_dir / "scores.json").read_text())["folds"]) == {"0", "1"}
    said = run("predict", device="cpu", **shared)
    assert said.code == 0, said.err
    assert (shared["work_dir"] / "submissions" / "five.csv").exists()
    assert not list(shared["work_dir"].rglob("*.tmp"))
