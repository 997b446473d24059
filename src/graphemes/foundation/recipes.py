"""Recipes: values for the settings that weren't given, with what they cost and reach."""

from collections.abc import Callable
from typing import Any

from graphemes.foundation.settings import TrainSettings


def quick() -> dict[str, Any]:
    """For the demo's drawings: a few minutes on two cores."""
    return {
        "epochs": 6,
        "batch_size": 32,
        "image_size": "48",
        "lr": 2e-3,
        "ema": 0.99,
        "shift": 0.04,
        "scale": 0.1,
        "rotate": 5.0,
        "shear": 5.0,
    }


def reference() -> dict[str, Any]:
    """For the competition's 200,840 images on a GPU: the defaults of the settings themselves."""
    return {}


RECIPES: dict[str, Callable[[], dict[str, Any]]] = {"quick": quick, "reference": reference}


def fill(settings: TrainSettings, demo: bool) -> TrainSettings:
    """The settings with the recipe's values where the user gave none."""
    chosen = settings.recipe
    if chosen == "auto":
        chosen = "quick" if demo else "reference"
    return settings.with_values({**RECIPES[chosen](), "recipe": chosen})
