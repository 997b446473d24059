"""Two runs know how they differ: in settings, data, classes."""

from pathlib import Path

import pytest

from graphemes.foundation.errors import DataError, PlaceTaken
from graphemes.foundation.files import file_digest
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import LATER, Learning
from graphemes.pipeline.existing_results import place_taken_error
from graphemes.pipeline.identity import differences, identity, learning_settings

DIGESTS = {"data": "d", "folds": "f"}


def born(seed: int = 0, digests: dict[str, str] = DIGESTS, **values: object) -> dict:
    return identity(learning_settings(TrainSettings(**values)), seed, digests, demo=False)


def test_equal_settings_have_equal_identities():
    assert differences(born(epochs=3), born(epochs=3)) == []


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
    assert differences(born(), born(**values)) == []


def test_what_decides_the_weights_is_told_for_people():
    asked = born(epochs=4, image_size="64", seed=7)
    assert differences(born(epochs=3, image_size="128"), asked) == [
        "epochs is 3, asked for 4",
        "image_size is 128x128, asked for 64x64",
        "seed is 0, asked for 7",
    ]
    assert differences(born(), born(digests={"data": "x", "folds": "f"})) == ["its data differ"]
    assert differences(born(), {**born(), "classes": [1, 2, 3]}) == ["its classes differ"]


def test_what_an_older_or_newer_version_knew_is_a_difference_too():
    older, newer = born(ema=0.75), born(ema=0.75)
    del older["settings"]["ema"]
    assert differences(older, newer) == ["ema is None, asked for 0.75"]
    assert differences(newer, older) == ["ema is 0.75, asked for None"]
    assert differences({}, born())[-1] == "its classes differ"


CHANGED = {
    "shortcut": "pad",
    "stem": "deep",
    "attention": "se",
    "pool": "gem",
    "neck": 8,
    "dropout": 0.1,
    "drop_path": 0.1,
    "grapheme_pool": "sum",
    "grapheme_weight": 1,
    "synthetic_share": 0.5,
}


def test_every_learning_setting_is_part_of_the_identity():
    values = {key: CHANGED.get(key, not Learning.model_fields[key].default) for key in LATER}
    unchecked = Learning.model_construct(**values)  # no trunk supports them all
    assert learning_settings(unchecked).keys() == Learning.model_fields.keys()


def test_settings_that_came_later_are_left_out_at_their_defaults():
    assert not set(LATER) & set(born()["settings"])
    assert differences(born(), born(stem="3x3")) == ["stem is 7x7, asked for 3x3"]
    assert differences(born(neck=8), born()) == ["neck is 8, asked for 0"]


def test_runs_without_synthetic_images_fit_those_of_before_there_were_any():
    assert "synthetic_share" not in born()["settings"]
    digests = {**DIGESTS, "synthetic": "s"}
    asked = born(digests=digests, synthetic="/somewhere", synthetic_share="0.80:0.2")
    assert differences(born(), asked) == [
        "synthetic_share is None, asked for 0.8:0.2",
        "its synthetic images differ",
    ]


def test_files_count_by_what_is_in_them(tmp_path):
    first, second, other = (tmp_path / name for name in "abc")
    for path, text in ((first, "x"), (second, "x"), (other, "y")):
        path.write_text(text)
    assert born(init=first) == born(init=second)
    assert born(init=first)["settings"]["init"] == file_digest(first)
    assert differences(born(exclude=first), born(exclude=other))[0].startswith("exclude is ")
    with pytest.raises(DataError, match="gone: can't be read"):
        born(init=tmp_path / "gone")


def test_a_taken_place_names_what_differs_and_both_ways_out():
    error = place_taken_error(Path("/w/fold0"), ["epochs is 3, asked for 4"])
    assert isinstance(error, PlaceTaken)
    assert str(error) == (
        "/w/fold0: made with other settings or data (epochs is 3, asked for 4);"
        " overwrite=true replaces it, name=WORD keeps both"
    )
    assert "(a; b; c; d; and more)" in str(place_taken_error(Path("/w"), list("abcde")))
    assert "(a; b; c; d)" in str(place_taken_error(Path("/w"), list("abcd")))
