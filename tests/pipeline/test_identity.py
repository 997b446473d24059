"""Two runs know how they differ: in settings, data, classes."""

import dataclasses
import json
from pathlib import Path

import pytest

from graphemes.foundation.errors import DataError, PlaceTaken
from graphemes.foundation.files import file_digest
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import LATER, Learning
from graphemes.foundation.settings.types import HeadWeights, ImageSize
from graphemes.pipeline.existing_results import begin_fold, fold_status, place_taken_error
from graphemes.pipeline.identity import RunIdentity, learning_settings, run_identity

DIGESTS = {"data": "d", "folds": "f"}


def asked(seed: int = 0, digests: dict[str, str] = DIGESTS, **values: object) -> RunIdentity:
    return run_identity(TrainSettings(**values), seed, digests, demo=False)


def differences(kept: RunIdentity, wanted: RunIdentity) -> list[str]:
    """By way of the file."""
    return RunIdentity.from_json(json.loads(json.dumps(kept.as_json()))).differences(wanted)


def test_equal_settings_have_equal_identities():
    assert differences(asked(epochs=3), asked(epochs=3)) == []


@pytest.mark.parametrize(
    "values",
    [
        {"device": "cpu"},
        {"workers": 3},
        {"name": "x"},
        {"time_limit": 60},
        {"fold": (1,)},
        {"overwrite": True},
        {"resume": "false"},
        {"precision": "fp32"},
        {"synthetic": "/somewhere"},  # what is in it counts, not where it lies
    ],
)
def test_where_a_run_is_made_is_no_part_of_what_it_is(values):
    assert differences(asked(), asked(**values)) == []


def test_what_decides_the_weights_is_told_for_people():
    wanted = asked(epochs=4, image_size="64", seed=7)
    assert differences(asked(epochs=3, image_size="128"), wanted) == [
        "epochs is 3, asked for 4",
        "image_size is 128x128, asked for 64x64",
        "seed is 0, asked for 7",
    ]
    assert differences(asked(), asked(digests={"data": "x", "folds": "f"})) == ["its data differ"]
    assert differences(asked(), dataclasses.replace(asked(), classes=[1, 2, 3])) == [
        "its classes differ"
    ]


def test_what_an_older_or_newer_version_knew_is_a_difference_too():
    older, newer = asked(ema=0.75), asked(ema=0.75)
    del older.settings["ema"]
    assert differences(older, newer) == ["ema is None, asked for 0.75"]
    assert differences(newer, older) == ["ema is 0.75, asked for None"]
    assert RunIdentity.from_json({}).differences(asked())[-1] == "its classes differ"


CHANGED = {
    "shortcut": "pad",
    "stem": "deep",
    "attention": "se",
    "pool": "gem",
    "neck": 8,
    "dropout": 0.1,
    "drop_path": 0.1,
    "widths": (8, 8, 8, 8),
    "optimiser": "sgd",
    "cycles": 2,
    "swa": 2,
    "patience": 2,
    "image_sizes": (ImageSize(32, 32), ImageSize(48, 64)),
    "grapheme_pool": "sum",
    "grapheme_weight": 1,
    "synthetic_share": 0.5,
    "mix": "any",
    "mix_share": 1.0,
    "mix_alpha": 0.2,
    "mix_until": 0.5,
    "loss": "focal",
    "focal_gamma": 1.0,
    "smoothing": 0.1,
    "hard_examples": 0.5,
    "head_weights": HeadWeights(1, 1, 1),
    "pseudo": Path(__file__),  # any file
    "pseudo_threshold": 0.5,
    "tta": "shifts",
}


def test_every_learning_setting_is_part_of_the_identity():
    values = {key: CHANGED.get(key, not Learning.model_fields[key].default) for key in LATER}
    unchecked = Learning.model_construct(**values)  # no trunk supports them all
    assert learning_settings(unchecked).keys() == Learning.model_fields.keys()
    assert asked().settings.keys() > {"seed", "epochs"}


def test_settings_that_came_later_are_left_out_at_their_defaults():
    assert not set(LATER) & set(asked().settings)
    assert differences(asked(), asked(stem="3x3")) == ["stem is 7x7, asked for 3x3"]
    assert differences(asked(neck=8), asked()) == ["neck is 8, asked for 0"]


def test_head_weights_are_the_same_however_they_are_written():
    assert "head_weights" not in asked(head_weights="2.0:1:1").settings
    assert differences(asked(head_weights="1:1:1"), asked(head_weights="1.0:01:1")) == []
    assert differences(asked(head_weights="1:.5:0"), asked()) == [
        "head_weights is 1:0.5:0, asked for 2:1:1"
    ]


def test_runs_without_synthetic_images_fit_those_of_before_there_were_any():
    assert "synthetic_share" not in asked().settings
    digests = {**DIGESTS, "synthetic": "s"}
    wanted = asked(digests=digests, synthetic="/somewhere", synthetic_share="0.80:0.2")
    assert differences(asked(), wanted) == [
        "synthetic_share is None, asked for 0.8:0.2",
        "its synthetic images differ",
    ]


def test_other_views_are_another_run_of_the_same_weights():
    assert differences(asked(), asked(tta="shifts")) == ["tta is none, asked for shifts"]
    assert asked().differs_in_views_alone(asked(tta="shifts"))
    assert not asked().differs_in_views_alone(asked())
    assert not asked().differs_in_views_alone(asked(tta="shifts", epochs=3))


def test_a_fold_that_is_begun_goes_on_with_other_views_if_it_is_said(tmp_path):
    paths, wanted = FoldPaths(tmp_path), asked(tta="shifts")
    begin_fold(paths, asked())
    with pytest.raises(PlaceTaken, match="its weights are the asked ones, but tta is none, asked"):
        fold_status(paths, wanted, overwrite=False)
    assert fold_status(paths, wanted, overwrite=True) == "unfinished"
    assert fold_status(paths, asked(tta="shifts", epochs=3), overwrite=True) == "empty"


def test_files_count_by_what_is_in_them(tmp_path):
    first, second, other = (tmp_path / name for name in "abc")
    for path, text in ((first, "x"), (second, "x"), (other, "y")):
        path.write_text(text)
    assert asked(init=first) == asked(init=second)
    assert asked(pseudo=first) == asked(pseudo=second)
    assert differences(asked(pseudo=first), asked(pseudo=other))[0].startswith("pseudo is ")
    assert asked(init=first).settings["init"] == file_digest(first)
    assert differences(asked(exclude=first), asked(exclude=other))[0].startswith("exclude is ")
    with pytest.raises(DataError, match="gone: can't be read"):
        asked(init=tmp_path / "gone")


def test_a_taken_place_names_what_differs_and_both_ways_out():
    error = place_taken_error(Path("/w/fold0"), ["epochs is 3, asked for 4"])
    assert isinstance(error, PlaceTaken)
    assert str(error) == (
        "/w/fold0: made with other settings or data (epochs is 3, asked for 4);"
        " overwrite=true replaces it, name=WORD keeps both"
    )
    assert "(a; b; c; d; and more)" in str(place_taken_error(Path("/w"), list("abcde")))
    assert "(a; b; c; d)" in str(place_taken_error(Path("/w"), list("abcd")))


@pytest.mark.parametrize("value", [None, [], "x", {"settings": 3}, {"digests": []}])
def test_what_is_no_identity_is_told(value):
    with pytest.raises(ValueError, match="no "):
        RunIdentity.from_json(value)
