"""What is varied is read, checked with the rest of its run, and has a folder of its own."""

import re

import pytest
from pydantic import TypeAdapter

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import AblateSettings, TrainSettings
from graphemes.foundation.settings.types import RunName
from graphemes.foundation.settings.variations import folder_name, words_of
from graphemes.foundation.settings.words import read_words


def given(*words: str) -> AblateSettings:
    return read_words(AblateSettings, list(words))


def test_variations_are_settings_beside_those_of_all_runs():
    settings = given("vary=lr=1e+0; ema=0+clip=1", "lr=0.5", "limit=40", "seeds=2")
    assert settings.vary == ("lr=1e+0", "ema=0+clip=1")
    base, first, second = (settings.varied(one) for one in ("", *settings.vary))
    assert type(base) is TrainSettings
    assert base == TrainSettings(lr=0.5, limit=40)
    assert base.model_fields_set == {"lr", "limit"}  # a recipe fills the rest
    assert first == TrainSettings(lr=1.0, limit=40)
    assert second == TrainSettings(lr=0.5, limit=40, ema=0.0, clip=1.0)


def test_values_may_hold_what_stands_between_others():
    assert words_of("lr=1e+3+init=a+b.pt+ema=0") == ["lr=1e+3", "init=a+b.pt", "ema=0"]
    assert words_of("") == []


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        ((), (0,)),
        (("seeds=3",), (0, 1, 2)),
        (("seeds=3", "seed=5"), (5, 6, 7)),
        (("seeds=4,2",), (4, 2)),
        (("seed=4294967294", "seeds=2"), (4294967294, 4294967295)),
    ],
)
def test_seeds_are_counted_or_named(words, seeds):
    assert given(*words).chosen_seeds == seeds


def test_each_variation_has_a_folder_whose_name_a_run_may_have():
    variations = ["", "lr=1e-3", "ema=0+clip=1", "init=a/b", "init=a-b", "init=a:b"]
    variations += [f"init={'x' * 70}{end}" for end in "12"]
    names = [f"ablate-{folder_name(variation)}-0" for variation in variations]
    assert names[:3] == ["ablate-baseline-0", "ablate-lr-1e-3-0", "ablate-ema-0_clip-1-0"]
    assert len(set(names)) == len(names)
    for name in names:
        assert TypeAdapter(RunName).validate_python(name) == name
        assert len(name) <= 80


REFUSED = {
    "vary=lr=fast": "vary: lr=fast: setting 'lr': got 'fast', expected a number",
    "vary=ema=0;lrr=1": "vary: lrr=1: unknown setting 'lrr'; did you mean 'lr'?",
    "vary=ema": "vary: ema: 'ema' is no setting",
    "vary=ema=0+ema=1": "vary: ema=0+ema=1: setting 'ema' is given twice",
    "vary=grapheme_weight=2": "there is no grapheme head to weigh",
    "vary=seed=1": "vary: seed=1: seed is one for all runs; give it beside vary",
    "vary=lr=1;lr=1": "vary: lr=1 is given twice",
    "vary=;": "expected settings as of train, in quotes",
    "vary=epochs=2 passes=9": "vary: epochs=2: passes, epochs: two ways to say how long",
    "epochs=2 passes=9": "passes, epochs: two ways to say how long; give one of them",
    "seeds=0": "how many, from seed= on, as 3",
    "seeds=1,1": "seeds: 1 is given twice",
    "seeds=1,2 seed=3": "seeds=1,2 names all seeds; leave seed out",
    "seed=4294967295 seeds=2": "the last would be 4294967296, expected at most 4294967295; give",
    "fold=none": "fold=none: nothing would be judged",
    "time_limit=3h": "minutes= is for all runs",
    "submission=a.csv": "no submission is made",
    "processes=2": "ablate trains in one process",
    "sync_norm=true": "ablate trains in one process",
    "resume=true": "goes on by itself",
    "minutes=0": "a number, above 0",
    "grapheme_weight=2": "there is no grapheme head to weigh",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_trained_or_compared_is_refused(words):
    first, *rest = words.split(" ")
    with pytest.raises(SettingsError, match=re.escape(REFUSED[words])):
        given(first, *rest)
