"""A recipe fills what the user left open, and only that."""

import pytest

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.recipes import RECIPES, Here, Images, apply_recipe, chosen_recipe
from graphemes.foundation.settings.types import Share
from graphemes.foundation.settings.words import read_words

COMPETITION = Images(200_840, 160_672)


def given(*words: str) -> TrainSettings:
    return read_words(TrainSettings, list(words))


def filled(
    *words: str,
    demo: bool = False,
    images: Images = COMPETITION,
    gpu: bool = False,
    muon: bool = True,
) -> TrainSettings:
    return apply_recipe(given(*words), images, Here(demo, gpu, lambda: muon))


def values_of(name: str, images: Images = COMPETITION) -> dict:
    return RECIPES[name](images, TrainSettings())


def test_a_recipe_is_chosen_by_the_data_and_by_what_is_here():
    for gpu, real in ((False, "laptop"), (True, "kaggle")):
        assert filled(demo=True, gpu=gpu).recipe == "quick"
        assert filled(demo=False, gpu=gpu).recipe == real
        for demo in (True, False):  # a name for what auto picks on real data
            assert filled("recipe=reference", demo=demo, gpu=gpu) == filled(
                f"recipe={real}", demo=demo, gpu=gpu
            )
        for name in RECIPES:
            assert chosen_recipe(name, demo=True, gpu=gpu) == name
    quick = filled("recipe=quick", demo=False)
    assert quick == filled(demo=True)
    assert quick.epochs == values_of("quick")["epochs"]


@pytest.mark.parametrize(
    ("labelled", "folds", "epochs"),
    [
        (12_000, 12, 17),  # mark 1
        (160_000, 8, 9),
        (200_840, 5, 8),
        (81_250, 5, 20),  # where the two rules meet
        (3_000, 5, 20),
        (100_000_000, 5, 1),  # an epoch alone is more than the budget
    ],
)
def test_a_laptop_makes_so_many_passes_whatever_the_number_of_images(labelled, folds, epochs):
    images = Images(labelled, labelled - labelled // folds)
    chosen = filled(images=images)
    passes = chosen.epochs * images.epoch
    assert chosen.epochs == epochs
    assert epochs == 1 or passes <= min(1_300_000, 16 * labelled)
    assert passes + images.epoch > min(1_300_000, 16 * labelled)  # one epoch more doesn't fit
    assert str(chosen.image_size) == "64x64"


def test_what_a_user_gives_goes_before_a_recipes_budget():
    assert filled("recipe=laptop", "epochs=3").epochs == 3
    assert filled("recipe=best", "image_size=32", gpu=True).image_size == (32, 32)


@pytest.mark.parametrize("name", RECIPES)
def test_only_what_was_not_given_is_filled(name):
    """Somebody who types a default means it."""
    values = values_of(name)
    plain = TrainSettings()
    typed = {key: getattr(plain, key) for key in values}
    for key in values:
        settings = TrainSettings(recipe=name, **{key: typed[key]})
        chosen = apply_recipe(settings, COMPETITION, Here(True, False, lambda: True))
        assert getattr(chosen, key) == typed[key]
        # A learning rate is an optimiser's, an end of mixing that of a mixing.
        others = values.keys() - {key, {"optimiser": "lr", "mix": "mix_until"}.get(key)}
        wanted = plain.with_values(values)
        assert all(getattr(chosen, other) == getattr(wanted, other) for other in others)


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_recipe_leaves_out_keeps_its_default(name):
    chosen = filled(f"recipe={name}")
    left = TrainSettings.model_fields.keys() - values_of(name).keys() - {"recipe"}
    assert all(getattr(chosen, key) == getattr(TrainSettings(), key) for key in left)


def test_each_recipe_is_longer_than_the_one_before():
    chosen = [filled(f"recipe={name}") for name in ("quick", "laptop", "kaggle", "best")]
    costs = [one.epochs * one.image_size.height * one.image_size.width for one in chosen]
    assert costs == sorted(set(costs))


@pytest.mark.parametrize("name", ["laptop", "kaggle", "best"])
def test_fewer_images_are_learnt_from_in_smaller_batches(name):
    few = Images(100, 80)
    word = f"recipe={name}"
    assert filled(word, images=few).batch_size < filled(word).batch_size
    assert filled(word, images=few).lr < filled(word).lr
    assert filled("batch_size=7", images=few).batch_size == 7


def test_half_of_the_pictures_are_synthetic_unless_somebody_says_otherwise():
    assert filled().synthetic_share is None
    assert filled("synthetic=d").synthetic_share == Share(0.5, 0.5)
    assert filled("synthetic=d", "synthetic_share=1:0").synthetic_share == Share(1, 0)


def test_filling_twice_changes_nothing():
    once = filled("epochs=2", demo=True)
    assert apply_recipe(once, COMPETITION, Here(True, True, lambda: True)) == once


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("images", [Images(2, 1), Images(10_000, 8_000), COMPETITION])
def test_recipes_hold_valid_learning_settings_and_say_what_they_are_for(name, images):
    values = values_of(name, images)
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


@pytest.mark.parametrize(
    "words",
    [
        ("trunk=article",),
        ("trunk=timm/x",),
        ("trunk=timm/x", "pretrained=true"),
        ("trunk=resnet18",),
        ("trunk=resnet50",),
        ("init=w.safetensors",),
    ],
)
def test_another_trunk_and_weights_to_begin_with_keep_their_own_shape(words):
    """Neither refused for options that the trunk lacks, nor made another network."""
    plain, chosen = given(*words), filled(*words)
    for key in ("stem", "stem_pool", "widths"):
        assert getattr(chosen, key) == getattr(plain, key)
    assert chosen.epochs == filled().epochs
    assert filled("trunk=resnet34").widths == filled().widths != plain.widths


def test_a_recipes_learning_rate_is_its_own_optimisers():
    default = TrainSettings().lr
    assert filled("optimiser=muon").lr == filled().lr != default
    for words in (("optimiser=adamw",), ("optimiser=sgd",)):
        assert filled(*words).lr == default
        assert filled(*words, "lr=0.5").lr == 0.5
    assert filled("optimiser=adamw", demo=True).lr == filled(demo=True).lr != default
    assert filled("optimiser=sgd", "processes=2", "accumulate=3").lr == pytest.approx(6 * default)


def test_a_recipe_that_mixes_mixes_what_is_asked_for():
    assert (filled("recipe=best").mix, filled("recipe=best").mix_until) == ("cutmix", 0.9)
    assert filled("recipe=best", "mix=fmix").mix_until == 0.9
    assert filled("recipe=best", "mix=none").mix_until == 1
    with pytest.raises(SettingsError, match="nothing is mixed"):
        filled("recipe=best", "mix=none", "mix_until=0.5")


def test_without_muon_a_recipe_takes_adamw_and_says_so(capsys):
    chosen = filled(muon=False)
    assert (chosen.optimiser, chosen.lr) == ("adamw", TrainSettings().lr)
    assert capsys.readouterr().out == (
        "recipe laptop: optimiser=adamw, as there is no Muon here; timm 1.0.21 has it,"
        " pip install -U timm\n"
    )
    assert filled("processes=4", muon=False).lr == pytest.approx(2 * TrainSettings().lr)
    capsys.readouterr()
    asked = filled("optimiser=muon", muon=False)  # which is refused before the work
    assert (asked.optimiser, asked.lr) == ("muon", filled().lr)
    assert filled("optimiser=sgd", muon=False).optimiser == "sgd"
    assert capsys.readouterr().out == ""

    def asked_in_vain() -> bool:
        raise AssertionError("timm is slow to import")

    here = Here(True, False, asked_in_vain)
    assert apply_recipe(given(), COMPETITION, here).optimiser == "adamw"


def test_a_learning_rate_that_is_beyond_its_bounds_is_said():
    with pytest.raises(SettingsError) as caught:
        filled("optimiser=sgd", "processes=4096", "accumulate=2")
    assert str(caught.value) == (
        "lr=24.576: beyond what it takes once it is multiplied for processes and accumulate; give"
        " lr=, a number, above 0, at most 10 (recipe=laptop)"
    )


def test_parts_of_the_epochs_are_counted_once_a_recipe_has_filled_them():
    many = Images(100, 5)
    assert filled("cycles=50", "recipe=best", gpu=True, images=many).cycles == 50
    for word in ("cycles=9", "swa=9", "image_sizes=16,16,16,16,16,16,16,16,16"):
        with pytest.raises(SettingsError, match=r"8 .*\(recipe=laptop\)"):
            filled(word)
    assert filled("swa=50", "recipe=best", gpu=True, images=many).epochs > 50


def test_what_would_be_without_effect_is_said_once_a_recipe_has_filled_the_rest():
    with pytest.raises(SettingsError, match=r"patience=7: epochs=8 are over .*\(recipe=laptop\)"):
        filled("patience=7")
    assert filled("patience=6").epochs == 8
    with pytest.raises(SettingsError, match=r"strength=2: no picture is moved .*\(recipe=quick\)"):
        filled("strength=2", demo=True)


def test_a_value_that_was_put_in_unchecked_is_said():
    unchecked = given().model_copy(update={"seed": 2**32})
    with pytest.raises(SettingsError) as caught:
        apply_recipe(unchecked, COMPETITION, Here(True, False, lambda: True))
    assert str(caught.value) == (
        "seed: expected an integer, at least 0, below 4294967296 (recipe=quick)"
    )
