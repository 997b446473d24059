"""Recipes: values for the settings that weren't given, with what they cost and reach."""

from collections.abc import Callable
from typing import Any

from graphemes.foundation.settings import TrainSettings


def quick(_images: int) -> dict[str, Any]:
    """For the demo's drawings: minutes on two cores."""
    return {
        "epochs": 4,
        "batch_size": 32,
        "image_size": "36",
        "ema": 0.99,
        # So few passes learn more from the drawings as they are than from moved ones.
        "shift": 0.0,
        "scale": 0.0,
        "rotate": 0.0,
        "shear": 0.0,
    }


def reference(images: int) -> dict[str, Any]:
    """For the competition's 200,840 images: the settings' own defaults, made for a GPU.

    With fewer images the batches are smaller, so that there are steps enough to learn from.
    """
    sizes = [(20_000, 32), (50_000, 64)]
    return {"batch_size": next((size for below, size in sizes if images < below), 128)}


RECIPES: dict[str, Callable[[int], dict[str, Any]]] = {"quick": quick, "reference": reference}


def fill(settings: TrainSettings, demo: bool, images: int) -> TrainSettings:
    """The settings for so many labelled images, the recipe's values where the user gave none."""
    chosen = settings.recipe
    if chosen == "auto":
        chosen = "quick" if demo else "reference"
    return settings.with_values({**RECIPES[chosen](images), "recipe": chosen})
