"""A run is planned first: settings filled once, a network built once, no result touched."""

import dataclasses
import importlib
import shutil
from pathlib import Path

import pytest
import torch

from conftest import QUICK, train_quickly
from graphemes.foundation.errors import MissingPackage
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork
from graphemes.pipeline.fold_training import FoldTraining
from graphemes.pipeline.run_plan import open_run, plan_run
from graphemes.pipeline.workspace import find_workspace
from graphemes.training.forecast import Deadline


@pytest.fixture
def built(monkeypatch) -> list[GraphemeNetwork]:
    """The networks that were built."""
    found: list[GraphemeNetwork] = []
    make = GraphemeNetwork.__init__

    def counted(network: GraphemeNetwork, *words: object, **options: object) -> None:
        make(network, *words, **options)
        found.append(network)

    monkeypatch.setattr(GraphemeNetwork, "__init__", counted)
    return found


def results(work: Path) -> dict[str, bytes]:
    """Every file of a work directory but what is derived from the data."""
    files = (path for path in work.rglob("*") if path.is_file())
    return {
        str(path.relative_to(work)): path.read_bytes()
        for path in files
        if not path.is_relative_to(work / "data")
    }


def test_a_run_of_two_folds_builds_one_network_to_plan(untested, work, built):
    words = {**QUICK, "fold": "0,2", "data_dir": str(untested), "work_dir": str(work)}
    settings = TrainSettings.model_validate(words)
    workspace = find_workspace(settings)
    plan = plan_run(settings, workspace)
    assert plan.chosen == ["0", "2"]
    assert plan.settings.recipe == "laptop"  # what was auto is filled
    assert plan.weights_bytes == sum(x.nbytes for x in built[0].state_dict().values())
    training = open_run(plan, Deadline())
    assert len(built) == 1
    assert training.settings is plan.settings
    assert results(work) == {}


def test_the_recipe_goes_by_what_is_here(untested, work, monkeypatch, capsys):
    """An Apple GPU isn't what kaggle's hours are counted on; a timm may be too old for Muon."""
    words = {"data_dir": str(untested), "work_dir": str(work), "trunk": "resnet18"}
    settings = TrainSettings.model_validate(words)
    workspace = find_workspace(settings)
    apple = dataclasses.replace(workspace)
    vars(apple)["engine"] = Engine(torch.device("mps"), "fp32")  # a cached property
    plan = plan_run(settings, apple)
    assert (plan.settings.recipe, plan.settings.optimiser) == ("laptop", "muon")
    monkeypatch.delattr(importlib.import_module("timm.optim"), "Muon")
    capsys.readouterr()
    assert plan_run(settings, workspace).settings.optimiser == "adamw"
    assert "recipe laptop: optimiser=adamw, as there is no Muon here" in capsys.readouterr().out
    with pytest.raises(MissingPackage, match=r"^optimiser=muon: timm "):
        plan_run(TrainSettings(**words, optimiser="muon"), workspace)


REFUSED = {
    "no such trunk": {"trunk": "qqqq"},
    "no such fold": {"fold": 3},
    "no such file of ids": {"exclude": "gone.txt"},
    "no such weights": {"init": "gone.safetensors"},
    "no such drawings": {"synthetic": "gone"},
    "a submission that is a folder": {"submission": "."},
    "nothing to resume": {"resume": "true"},
    "no such device": {"device": "cuda:99"},
    "other settings than those of the results": {"epochs": 2, "fold": "1,0"},
    "another count of folds": {"folds": 4},
}


@pytest.fixture(scope="module")
def trained(untested, decoded, tmp_path_factory) -> Path:
    """A work directory with a finished fold 0; no test changes it."""
    return train_quickly(tmp_path_factory.mktemp("planned"), data_dir=untested)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_touches_no_result(case, trained, untested, train):
    before = results(trained)
    asked = {"name": "other"} if case == "nothing to resume" else {}
    said = train(**{"fold": 0, **REFUSED[case], **asked}, data_dir=untested, work_dir=trained)
    assert said.code == 2, said.out
    assert said.err.startswith("graphemes: ")
    assert said.err.count("\n") == 1
    assert results(trained) == before


def test_only_folds_that_are_still_to_train_come_after_one(
    trained, untested, tmp_path, monkeypatch
):
    work = shutil.copytree(trained, tmp_path / "w")
    words = {**QUICK, "fold": "2,0,1", "data_dir": str(untested), "work_dir": str(work)}
    settings = TrainSettings.model_validate(words)
    training = open_run(plan_run(settings, find_workspace(settings)), Deadline())
    told: list[tuple[str, int]] = []

    def only_told(_self: FoldTraining, fold: str, _paths: object, _rows: object, to_come: int):
        told.append((fold, to_come))

    monkeypatch.setattr(FoldTraining, "_train", only_told)
    training.train_all(["2", "0", "1"])
    assert told == [("2", 1), ("1", 0)]  # fold 0 is finished
