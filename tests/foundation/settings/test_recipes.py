"""A recipe fills what the user left open, and only that."""

import pytest

from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.recipes import RECIPES, apply_recipe
from graphemes.foundation.settings.types import Share
from graphemes.foundation.settings.words import read_words

COMPETITION = 200_840


def given(*words: str) -> TrainSettings:
    return read_words(TrainSettings, list(words))


def filled(*words: str, demo: bool = False, images: int = COMPETITION) -> TrainSettings:
    return apply_recipe(given(*words), demo, images)


def test_the_demo_gets_the_quick_recipe_and_real_data_the_reference():
    assert filled(demo=True).recipe == "quick"
    assert filled(demo=False).recipe == "reference"
    assert filled("recipe=reference", demo=True).recipe == "reference"
    quick = filled("recipe=quick", demo=False)
    assert quick == filled(demo=True)
    assert quick.epochs == RECIPES["quick"](COMPETITION)["epochs"]


@pytest.mark.parametrize("name", RECIPES)
def test_only_what_was_not_given_is_filled(name):
    """Somebody who types a default means it."""
    values = RECIPES[name](COMPETITION)
    plain = TrainSettings()
    typed = {key: getattr(plain, key) for key in values}
    for key in values:
        settings = TrainSettings(recipe=name, **{key: typed[key]})
        chosen = apply_recipe(settings, demo=True, images=COMPETITION)
        assert getattr(chosen, key) == typed[key]
        others = values.keys() - {key}
        wanted = plain.with_values(values)
        assert all(getattr(chosen, other) == getattr(wanted, other) for other in others)


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_recipe_leaves_out_keeps_its_default(name):
    chosen = filled(f"recipe={name}")
    left = TrainSettings.model_fields.keys() - RECIPES[name](COMPETITION).keys() - {"recipe"}
    assert all(getattr(chosen, key) == getattr(TrainSettings(), key) for key in left)


def test_the_quick_recipe_is_quicker():
    quick, reference = filled(demo=True), filled(demo=False)
    assert quick.epochs < reference.epochs
    assert quick.image_size.height < reference.image_size.height


def test_fewer_images_are_learnt_from_in_smaller_batches():
    sizes = [filled(images=images).batch_size for images in (100, 20_000, COMPETITION)]
    assert sizes == sorted(set(sizes))
    assert filled("batch_size=7", images=100).batch_size == 7


def test_half_of_the_pictures_are_synthetic_unless_somebody_says_otherwise():
    assert filled().synthetic_share is None
    assert filled("synthetic=d").synthetic_share == Share(0.5, 0.5)
    assert filled("synthetic=d", "synthetic_share=1:0").synthetic_share == Share(1, 0)


def test_filling_twice_changes_nothing():
    once = filled("epochs=2", demo=True)
    assert apply_recipe(once, demo=True, images=COMPETITION) == once


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("images", [2, 10_000, COMPETITION])
def test_recipes_hold_valid_learning_settings_and_say_what_they_are_for(name, images):
    values = RECIPES[name](images)
    assert values.keys() <= Learning.model_fields.keys()
    assert TrainSettings().with_values(values).model_fields_set == values.keys()
    assert RECIPES[name].__doc__


def test_every_recipe_can_be_asked_for_and_is_named():
    for name in RECIPES:
        assert given(f"recipe={name}").recipe == name


def test_a_recipes_learning_rate_grows_with_the_root_of_the_batches():
    assert filled("processes=2", "accumulate=2").lr == pytest.approx(2 * filled().lr)
    assert filled("processes=2", demo=True).lr == pytest.approx(2**0.5 * filled(demo=True).lr)
    assert filled("processes=4", "lr=0.001").lr == 0.001
