"""Recipes: values for the settings that weren't given, with what they cost and reach."""

import math
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.types import Share
from graphemes.foundation.settings.words import contradiction, shown


def quick(_images: int) -> dict[str, Any]:
    """For the demo's drawings: under five minutes on two cores, score 0.540, root recall 0.450.

    At 32 pixels the last stage's maps are single points, where weight gradients cost least; larger
    batches share what is left of that cost.
    """
    return {
        "epochs": 5,
        "batch_size": 64,
        "lr": 4e-3,
        "image_size": "32",
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


def notes() -> dict[str, str]:
    """What the recipes say of a setting, for help: {"epochs": "recipe quick: 5"}."""
    found: dict[str, list[str]] = {}
    for name, recipe in RECIPES.items():
        filled = [recipe(images) for images in (1_000, 40_000, 200_840)]
        for key in filled[0]:
            values = dict.fromkeys(shown(values[key]) for values in filled)
            found.setdefault(key, []).append(f"{name}: {' to '.join(values)}")
    return {key: f"recipe {', '.join(parts)}" for key, parts in found.items()}


def apply_recipe(settings: TrainSettings, demo: bool, images: int) -> TrainSettings:
    """The settings for so many labelled images, the recipe's values where the user gave none.

    With synthetic images and no word on their share, half of the pictures are synthetic. A step
    over k times the images has the root of k times the learning rate, as Adam's noise asks for:
    Malladi et al. 2022 (arXiv:2205.10330). SGD has k times: Goyal et al. 2017 (arXiv:1706.02677).
    Raises SettingsError where what was given contradicts what the recipe fills in.
    """
    chosen = settings.recipe
    if chosen == "auto":
        chosen = "quick" if demo else "reference"
    values = {**RECIPES[chosen](images), "recipe": chosen}
    if settings.synthetic is not None:
        values["synthetic_share"] = Share(0.5, 0.5)
    if (batches := settings.processes * settings.accumulate) > 1:
        times = batches if settings.optimiser == "sgd" else math.sqrt(batches)
        values["lr"] = values.get("lr", settings.lr) * times
    try:
        return settings.with_values(values)
    except ValidationError as error:
        raise SettingsError(f"{contradiction(error)} (recipe={chosen})") from None
