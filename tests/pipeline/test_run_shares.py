"""Which runs are averaged, and on whose tables shares and rules are fitted."""

from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Spoken
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import read_json, write_json
from graphemes.foundation.layout import Layout
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.pipeline.decisions import ChosenRule
from graphemes.pipeline.ensemble_decisions import choose_for_runs
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.run_shares import run_shares
from worlds import write_run

DIGESTS = {"data": "d", "folds": "f"}


def shares_of(work: Path, shares: str = "auto") -> dict[str, float]:
    """What predict would take of the runs a and b."""
    settings = PredictSettings(runs="a,b", shares=shares)
    return {run.name: run.share for run in run_shares(Layout(work), settings)}


@pytest.mark.parametrize("other", ["data", "folds"])
def test_runs_of_other_data_or_folds_are_averaged_only_by_shares_that_are_given(other, tmp_path):
    write_run(tmp_path, "a")
    write_run(tmp_path, "b", digests={**DIGESTS, other: "o"})
    named = "folds.csv" if other == "folds" else "data"
    with pytest.raises(DataError) as caught:
        shares_of(tmp_path)
    assert str(caught.value) == (
        f"runs=a,b: trained with another {named}, so no shares can be fitted; give shares=equal or"
        " a share each to average them as they are"
    )
    assert shares_of(tmp_path, "equal") == {"a": 0.5, "b": 0.5}
    assert shares_of(tmp_path, "0.9,0.1") == {"a": 0.9, "b": 0.1}
    write_run(tmp_path, "b", digests={"data": "d"})  # fold=none knows no folds
    assert shares_of(tmp_path) == {"a": 0.5, "b": 0.5}


def test_a_run_of_the_demo_and_one_of_real_images_are_never_averaged(tmp_path):
    write_run(tmp_path, "a")
    write_run(tmp_path, "b", demo=True)
    for shares in ("auto", "equal", "0.9,0.1"):
        with pytest.raises(DataError, match=r"^runs=a,b: b has learned the demo's drawings, the"):
            shares_of(tmp_path, shares)
    assert shares_of(tmp_path, "1,0") == {"a": 1}


LEAKS = {
    "validation_images_seen_by_init": "init",
    "validation_images_among_synthetic": "synthetic",
    "validation_images_among_pseudo": "pseudo",
}


@pytest.mark.parametrize("field", LEAKS)
def test_no_shares_are_fitted_on_images_that_a_run_has_trained_on(field, tmp_path, run):
    write_run(tmp_path, "a")
    place = write_run(tmp_path, "b")
    write_json(place.run, {**read_json(place.run), field: 7})
    told = f"{place.run}: trained on some of its 600 validation images (7 by {LEAKS[field]}=)"
    said: Spoken = run("score", work_dir=tmp_path, runs="a,b")
    assert said.code == 2
    assert said.err == (
        f"graphemes: runs=b: {told}; expected none, or its share would be too large; train it"
        " without them, or leave it out\n"
    )
    assert not (tmp_path / "folds" / "shares.json").exists()
    said = run("score", work_dir=tmp_path, name="b")
    assert said.code == 0, said.err
    assert f"WARNING: {told}: rules that are fitted on them gain less elsewhere" in said.out
    assert "WARNING" not in run("score", work_dir=tmp_path, name="a").out


def test_a_rule_of_several_runs_fits_the_folds_and_data_of_each(tmp_path, run):
    identities = {}
    for name in "ab":
        place = write_run(tmp_path, name)
        identities[name] = [RunIdentity.from_json(read_json(place.run)["identity"])]
    said: Spoken = run("score", work_dir=tmp_path, runs="a,b", shares="0.9,0.1", decide="prior")
    assert said.code == 0, said.err

    def chosen(**digests: str) -> ChosenRule:
        (own,) = identities["b"]
        other = replace(own, digests={**own.digests, **digests})
        members = {**identities, "b": [other]}
        shares = {"a": 0.9, "b": 0.1}
        settings = PredictSettings(runs="a,b", shares="0.9,0.1", decide="prior")
        return choose_for_runs(settings, Layout(tmp_path), shares, members)

    path = tmp_path / "folds" / "ensembles" / "a,b" / "decisions.json"
    assert chosen().file == path
    for key in ("folds", "data", "pseudo"):
        with pytest.raises(DataError) as caught:
            chosen(**{key: "another"})
        text = str(caught.value)
        assert f"{path} was fitted for another run (run b is " in text
        assert text.endswith("score runs=a,b shares=0.9,0.1 writes it); or leave decide out")
