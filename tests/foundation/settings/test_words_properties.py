"""Any words give settings or a SettingsError, and settings are written as the words they are of."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import MODELS, TrainSettings
from graphemes.foundation.settings.words import read_words, shown
from properties import FEW, MANY

VALUES = st.one_of(
    st.text(max_size=12),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(str),
    st.sampled_from(["auto", "none", "all", "true", "64", "137x236", "0,1", "0.5:0.2", "8h30m"]),
)


@MANY
@given(st.sampled_from(sorted(MODELS)), st.data())
def test_any_words_are_settings_or_refused(command, data):
    keys = [*MODELS[command].model_fields, "epoch"]
    drawn = data.draw(st.lists(st.tuples(st.sampled_from(keys), VALUES), max_size=3))
    odd = data.draw(st.lists(st.text(max_size=8), max_size=1))
    words = [*(f"{key}={value}" for key, value in drawn), *odd]
    with contextlib.suppress(SettingsError):
        assert isinstance(read_words(MODELS[command], words), MODELS[command])


SOME = {
    "epochs": st.integers(1, 10_000),
    "seed": st.integers(0, 2**31),
    "lr": st.floats(1e-6, 1, allow_subnormal=False),
    "image_size": st.tuples(st.integers(32, 256), st.integers(32, 256)).map("{0[0]}x{0[1]}".format),
    "crop": st.sampled_from(["ink", "none"]),
    "fold": st.sampled_from(["0", "all", "0,2", "none"]),
    "smoothing": st.floats(0, 0.5),
    "dropout": st.floats(0, 0.9),
    "limit": st.integers(100, 10**6),
}


@FEW
@given(st.fixed_dictionaries({}, optional=SOME))
def test_settings_are_read_again_from_their_words(values):
    settings = read_words(TrainSettings, [f"{key}={value}" for key, value in values.items()])
    kept = {key: getattr(settings, key) for key in values}
    words = [
        f"{key}={value if isinstance(value, float) else shown(value)}"
        for key, value in kept.items()
    ]
    assert read_words(TrainSettings, words) == settings


def test_an_unknown_word_is_refused():
    with pytest.raises(SettingsError, match="did you mean 'epochs'"):
        read_words(TrainSettings, ["epoch=3"])
