"""The instrument: what it writes is whole, what it says is what it measured, what fails is told."""

import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest

from graphemes.experiments import bench_parts, serve_speed, step_ways
from graphemes.experiments.bench_parts import PARTS, Part
from graphemes.experiments.bench_run import Findings
from graphemes.experiments.command_processes import run_command
from graphemes.experiments.stages import fresh_weights, predict
from graphemes.experiments.timings import Figure, Mark, alternating
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import COLUMNS
from graphemes.foundation.settings.groups import Learning
from graphemes.pipeline.shard_images import read_scans

TINY = {
    "trunk": "timm/test_resnet",
    "image_size": 32,
    "batch_size": 8,
    "repeats": 2,
    "rows": 16,
    "workers": 0,
    "precision": "fp32",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def place(decoded, tmp_path_factory):
    """A work directory whose shards all tests here use; no test counts on another's results."""
    return Path(shutil.copytree(decoded, tmp_path_factory.mktemp("bench") / "work"))


@pytest.fixture
def bench(run, untested, place, monkeypatch):
    """bench(what): a tiny one; what it said, and what bench.json holds then."""
    monkeypatch.setattr(step_ways, "SECONDS", 0.01)
    (place / "data" / "bench" / "bench.json").unlink(missing_ok=True)

    def call(what, **settings):
        said = run("bench", data_dir=untested, work_dir=place, what=what, **{**TINY, **settings})
        return said, json.loads((place / "data" / "bench" / "bench.json").read_text())

    return call


def figures(report, part) -> dict[str, dict]:
    return {figure["name"]: figure for figure in report["parts"][part]["figures"]}


def check_figures(report) -> None:
    for part in report["parts"].values():
        for figure in part["figures"]:
            assert {"name", "unit", "images", "n", "median", "std"} <= figure.keys()
            assert figure["n"] >= 1
            assert figure["median"] >= 0
            assert math.isfinite(figure["median"] + figure["std"] + figure.get("ratio", 0))
            if "mark" in figure:
                judged = figure.get("ratio", figure["median"])
                least = figure["side"] == "least"
                assert figure["reached"] == (
                    judged >= figure["mark"] if least else judged <= figure["mark"]
                )


def test_a_part_joins_the_others_of_this_machine_and_commit(bench, place):
    said, report = bench("store")
    assert said.code == 0, said.err
    check_figures(report)
    assert {"format", "machine", "commit", "versions", "parts"} == report.keys()
    assert {"name", "cores", "threads", "device", "precision"} <= report["machine"].keys()
    assert "torch" in report["versions"]
    opening = figures(report, "store")["opening, 16 rows"]
    assert (opening["mark"], opening["reached"], opening["n"]) == (0.1, True, 2)
    assert "mark <= 0.1: reached" in said.out
    assert "2 of 2 marks reached" in said.out
    left = place / "data" / "bench"
    assert (left / "bench.png").read_bytes()[:4] == b"\x89PNG"
    assert not (left / "work").exists()

    said, both = bench("loader", workers="auto")
    assert both["parts"].keys() == {"store", "loader"}
    assert both["parts"]["store"] == report["parts"]["store"]
    check_figures(both)
    assert "one training picture, 32x32" in said.out
    assert "writing 16 images" not in said.out  # they are there

    (left / "bench.json").write_text(json.dumps({**both, "commit": "another"}))
    said, fresh = bench("step", repeats=1)
    assert "was of another commit (store, loader), so it is begun anew" in said.out
    assert fresh["parts"].keys() == {"step"}


def test_more_rows_than_there_are_repeat_them_with_a_word(bench, monkeypatch, untested):
    def part(bench):
        directory = bench.data.training(bench.rows)
        written.append((pd.read_csv(directory / "train.csv"), *read_scans(directory, "train")))
        return Findings([])

    written: list = []
    monkeypatch.setattr(bench_parts, "PARTS", {"store": Part(part, 1)})
    said, report = bench("store", rows=205)
    assert "rows=205: there are 200 labelled images, so they are repeated" in said.out
    assert report["parts"]["store"]["repeated"]
    labels, ids, pixels = written[0]
    assert ids == list(labels["image_id"]) == [f"Train_{row}" for row in range(205)]
    assert (pixels[200:] == pixels[:5]).all()
    assert (pixels[0] != pixels[1]).any()
    drawn = pd.read_csv(untested / "train.csv")
    assert (labels[COLUMNS].iloc[:200].to_numpy() == drawn[COLUMNS].to_numpy()).all()
    assert (labels[COLUMNS].iloc[200:].to_numpy() == drawn[COLUMNS].iloc[:5].to_numpy()).all()


def test_a_part_that_fails_is_told_and_loses_no_other(bench, monkeypatch):
    def unwilling(_bench):
        raise DataError("no such luck")

    def broken(_bench):
        raise ZeroDivisionError("a bug")

    def quick(_bench):
        return Findings([Figure("a", "s", (1.0, 3.0), mark=Mark(1.0, "most"))], ["a note"])

    monkeypatch.setattr(bench_parts, "PARTS", {"store": Part(quick, 1), "step": Part(quick, 1)})
    said, report = bench("all")
    assert said.code == 0
    assert "2 of" not in said.out.splitlines()[-1]
    made = {"store": Part(unwilling, 1), "step": Part(broken, 1), "scale": Part(quick, 1)}
    monkeypatch.setattr(bench_parts, "PARTS", made)
    said, after = bench("all")
    assert said.code == 2
    assert "2 parts of 3 failed: store (no such luck); step (ZeroDivisionError: a bug)" in said.err
    assert "FAILED: no such luck" in said.out
    assert "mark <= 1: MISSED" in said.out
    assert "0 of 3 marks reached; missed: store (a), step (a), scale (a)" in said.out
    for part in ("store", "step"):  # of before
        assert after["parts"][part]["figures"] == report["parts"][part]["figures"]
    assert figures(after, "scale")["a"]["std"] == pytest.approx(math.sqrt(2))


def test_a_step_is_measured_against_the_plain_one(bench, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    said, report = bench("step")
    assert said.code == 0, said.err
    check_figures(report)
    found = figures(report, "step")
    assert found["ours, 32x32, batch 8"]["against"] == "plain"
    assert "fused alone, 32x32, batch 8" in found
    assert "there is no C++ compiler" in said.out
    assert "the mark of 3 is for a CPU with bf16" in said.out


def test_an_epoch_is_measured_against_the_step_and_its_losses_are_the_plain_ones(bench):
    said, report = bench("train")
    assert said.code == 0, said.err
    check_figures(report)
    found = figures(report, "train")
    assert found["epoch, 32x32, workers=auto"]["mark"] == 0.95
    # The same weights, batches and arithmetic: another layout adds in another order.
    first = found["loss of epoch 1, 32x32, difference"]["median"]
    assert first < 1e-3 * found["loss of epoch 1, 32x32, plain"]["median"]


@pytest.mark.slow
def test_what_a_row_costs_is_a_table(bench):
    said, report = bench("scale", repeats=1)
    assert said.code == 0, said.err
    found = figures(report, "scale")
    assert {f"store, {rows} rows" for rows in (2, 4, 8, 16)} <= found.keys()
    assert found["store, 16 rows"]["against"] == "store, 2 rows"
    assert "training step, 32x32" in found


def test_predicting_is_timed_beside_the_bare_network(kaggle_like, work):
    learning = Learning(trunk=TINY["trunk"], image_size="32")
    words = {
        "data_dir": str(kaggle_like),
        "work_dir": str(work),
        "weights": str(fresh_weights(work / "fresh.safetensors", learning)),
        "submission": str(work / "submission.csv"),
        "workers": 0,
        "device": "cpu",
    }
    found = predict(words, 0.0)
    assert found.images == 6
    assert min(found.seconds, found.bare) > 0
    assert len((work / "submission.csv").read_text().splitlines()) == 1 + 3 * 6


def test_a_command_is_timed_with_what_it_loads(tmp_path):
    ended = run_command(["version"], tmp_path)
    assert (ended.code, ended.loaded) == (0, ["cv2"])
    assert ended.seconds > 0
    ended = run_command(["train", "fold=7", "folds=5"], tmp_path)
    assert (ended.code, ended.loaded) == (2, [])
    assert "there are 5 folds" in ended.said


def test_ways_alternate_until_the_time_is_over():
    order: list[str] = []
    ways = {name: lambda name=name: order.append(name) or float(len(order)) for name in "ab"}
    assert alternating(ways, 2) == {"a": (1.0, 3.0), "b": (2.0, 4.0)}
    assert order == ["a", "b", "a", "b"]
    assert alternating(ways, 5, until=0.0) == {"a": (5.0,), "b": (6.0,)}  # one round at least


def test_a_mark_is_held_against_the_ratio_where_there_is_one():
    one = Figure("x", "s", (4.0, 8.0), 3, "y", (2.0, 4.0), Mark(3.0))
    assert one.record() == {
        "name": "x",
        "unit": "s",
        "images": 3,
        "n": 2,
        "median": 6.0,
        "std": pytest.approx(math.sqrt(8)),
        "against": "y",
        "ratio": 3.0,
        "ratio_std": pytest.approx(math.sqrt(2)),
        "mark": 3.0,
        "side": "least",
        "reached": True,
    }
    assert not Figure("x", "s", (4.0,), mark=Mark(3.0, "most")).record()["reached"]


def test_every_part_is_a_word_of_the_setting(run):
    said = run("bench", "help")
    assert said.code == 0
    for name in PARTS:
        assert f" {name}," in said.out or f"{name} or" in said.out


@pytest.mark.slow
def test_everything_is_measured(bench):
    said, report = bench("all", repeats=1, workers="auto")
    assert said.code == 0, said.err
    assert report["parts"].keys() == PARTS.keys()
    check_figures(report)
    assert all(part["error"] is None for part in report["parts"].values())


@pytest.mark.slow
def test_a_server_is_asked_by_one_and_by_many(bench, monkeypatch):
    monkeypatch.setattr(serve_speed, "_SECONDS", 0.5)
    said, report = bench("serve", repeats=1)
    assert said.code == 0, said.err
    check_figures(report)
    found = figures(report, "serve")
    assert found["served, 16 clients"]["median"] > 0
    assert found["wait, one client, where it looks too"]["mark"] == 150


def test_a_server_that_does_not_start_is_a_note(bench, monkeypatch):
    monkeypatch.setattr(serve_speed, "import_path", lambda: "/nowhere")
    said, report = bench("serve", repeats=1)
    assert said.code == 0, said.err
    assert "the server didn't start, so it isn't measured: " in said.out
    assert report["parts"]["serve"]["figures"] == []
