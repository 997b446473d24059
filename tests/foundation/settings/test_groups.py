"""The groups of settings: what results of the first format know, and what came later."""

from graphemes.foundation.settings.groups import LATER, Learning

# What run.json and weights files of the first format hold: never changed again.
FIRST = [
    "trunk",
    "epochs",
    "batch_size",
    "lr",
    "weight_decay",
    "schedule",
    "warmup",
    "clip",
    "ema",
    "image_size",
    "crop",
    "shift",
    "scale",
    "rotate",
    "shear",
    "init",
    "limit",
    "exclude",
]


def test_a_setting_that_is_newer_than_the_first_format_says_so_at_its_field():
    """Or results of before would be taken for others."""
    assert set(LATER) == set(Learning.model_fields) - set(FIRST)
    assert set(FIRST) <= set(Learning.model_fields)
