"""Recipes: values for the settings that weren't given, with what they cost and reach.

A recipe's budget is counted in image passes: pictures drawn for a training step, real or synthetic.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.types import Share
from graphemes.foundation.settings.words import contradiction, expectation, faulty_key, shown


class Images(NamedTuple):
    """How many images a run has."""

    labelled: int  # that take part, the validated ones too
    epoch: int  # pictures of an epoch, in the fold that has most

    def epochs_within(self, passes: int) -> int:
        """How many whole epochs so many image passes are; one where they don't fill it."""
        return max(1, passes // max(1, self.epoch))


@dataclass(frozen=True)
class Here:
    """What a recipe goes by: the data, and what is here to train with."""

    demo: bool
    gpu: bool  # CUDA's: for an Apple GPU kaggle's hours would be days
    has_muon: Callable[[], bool]  # asked only where a recipe wants it: timm is slow to import


Recipe = Callable[[Images, TrainSettings], dict[str, Any]]


def quick(_images: Images, _given: TrainSettings) -> dict[str, Any]:
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


def laptop(images: Images, given: TrainSettings) -> dict[str, Any]:
    """For real images without a GPU: 16 passes an image, at most 1.3 million, at 64x64.

    160,000 crops, fold 0 of 8: 0.9762 decided by joint (nested, n = 20,000, +- 0.001; argmax
    0.9706), 1,259,136 passes in 113 minutes on two cores of an EPYC with bf16 (a Zen 5; undisturbed
    about 95), seed 0, 7016010; with epochs=3, 419,712 passes, 0.9710 (argmax 0.9631), 2e977d0.
    12,000 scans, fold 0 of 12: 0.9357 by joint (nested, n = 1,000, +- 0.006; argmax 0.9209),
    186,048 passes in 47 minutes on two cores of a Zen 4 with bf16, seed 0, 2e977d0. Graphemes that
    training lacks, 384,000 passes over 128,000 crops: 0.9217 by argmax (n = 8,010), where AdamW
    without all this had 0.8182, 95cb55f. Without bf16 (two cores of a Zen 3) it takes seven times
    as long.
    """
    values = {
        "epochs": images.epochs_within(min(16 * images.labelled, 1_300_000)),
        "image_size": "64",
        **_learning(images),
    }
    if given.differs("trunk") or given.init is not None:
        return values  # weights to start from have a shape of their own
    # Twice the resolution of ResNet-34's own stages, paid for with fewer channels.
    widths = "48,96,192,384" if _few(images) else "32,64,160,320"
    return values | {"stem": "3x3", "stem_pool": False, "widths": widths}


def kaggle(images: Images, _given: TrainSettings) -> dict[str, Any]:
    """For a GPU: 48 passes an image at 128x128, so that a fold fits a 9-hour session on a T4.

    Not measured. Expected above laptop's 0.976, which has the same optimiser, rate, smoothing and
    rules with a seventh of the passes an image and a quarter of the pixels. At 2.7 passes an image
    Muon gained 0.012 over AdamW, each at its best rate; at 17 it gained 0.014 over AdamW in its
    better batches (an H100, 64x64, decided by prior; experiments/RESULTS.md). Published for a
    ResNet-34 at 128x128 with ImageNet's weights are 0.9696 after 10. Of the competition's 200,840
    images and five folds those are 60 epochs, 8.3 hours with their validations if a T4 trains 350
    images a second; slower, it goes on in a second session. What Muon takes of a T4's step wasn't
    seen.
    """
    return {
        "epochs": images.epochs_within(48 * images.labelled),
        "image_size": "128",
        **_learning(images),
    }


def best(images: Images, given: TrainSettings) -> dict[str, Any]:
    """For who has a GPU for a day: 160 passes an image at 128x128, half of the batches mixed.

    Not measured. Of the competition's 200,840 images those are 32 million passes, a day at 370 a
    second. CutMix cost at up to 17 passes an image here (experiments/RESULTS.md); in the published
    runs of a hundred epochs and more it is called clearly better than Cutout, which with hard
    examples took one from 0.9742 to 0.9837. The last tenth is unmixed, so that whole graphemes are
    what the network sees last.
    """
    values = {
        "epochs": images.epochs_within(160 * images.labelled),
        "image_size": "128",
        **_learning(images),
    }
    if "mix" in given.model_fields_set and given.mix == "none":
        return values  # an end of mixing would contradict it
    return values | {"mix": "cutmix", "mix_until": 0.9}


def _learning(images: Images) -> dict[str, Any]:
    """How real images are learned from; of few in smaller batches, so that there are steps enough.

    Five shifted views gain 0.001, and cost a prediction five times.
    """
    few = _few(images)
    return {
        "optimiser": "muon",
        "batch_size": 64 if few else 128,
        "lr": 6e-3 if few else 1e-2,
        "smoothing": 0.1,
        "tta": "shifts",
    }


def _few(images: Images) -> bool:
    return images.labelled < 50_000


RECIPES: dict[str, Recipe] = {"quick": quick, "laptop": laptop, "kaggle": kaggle, "best": best}


def chosen_recipe(wish: str, *, demo: bool, gpu: bool) -> str:
    """The name of the recipe that is asked for: auto goes by the data and by what is here.

    reference is what auto picks on real data.
    """
    if wish == "auto" and demo:
        return "quick"
    if wish in ("auto", "reference"):
        return "kaggle" if gpu else "laptop"
    return wish


def notes() -> dict[str, str]:
    """What the recipes say of a setting, for help: {"epochs": "recipe quick: 5"}."""
    found: dict[str, list[str]] = {}
    sizes = [Images(count, count * 4 // 5) for count in (1_000, 40_000, 200_840)]
    for name, recipe in RECIPES.items():
        filled = [recipe(images, TrainSettings()) for images in sizes]
        for key in filled[0]:
            values = dict.fromkeys(shown(values[key]) for values in filled)
            found.setdefault(key, []).append(f"{name}: {' to '.join(values)}")
    return {key: f"recipe {', '.join(parts)}" for key, parts in found.items()}


def apply_recipe(settings: TrainSettings, images: Images, here: Here) -> TrainSettings:
    """The settings for so many images, the recipe's values where the user gave none.

    With synthetic images and no word on their share, half of the pictures are synthetic. Raises
    SettingsError where what was given contradicts what the recipe fills in.
    """
    chosen = chosen_recipe(settings.recipe, demo=here.demo, gpu=here.gpu)
    values = RECIPES[chosen](images, settings)
    if settings.synthetic is not None:
        values["synthetic_share"] = Share(0.5, 0.5)
    values = _with_own_rate(chosen, values, settings, here)
    try:
        filled = settings.with_values(values)
    except ValidationError as error:
        raise SettingsError(f"{_refusal(error, values)} (recipe={chosen})") from None
    return filled.model_copy(update={"recipe": chosen})


def _with_own_rate(
    chosen: str, values: dict[str, Any], given: TrainSettings, here: Here
) -> dict[str, Any]:
    """A recipe's values, with an optimiser that is here and the learning rate of that one's steps.

    A recipe's rate is its own optimiser's; another has its default. A step over k times the images
    has the root of k times the rate, as Adam's noise asks for: Malladi et al. 2022
    (arXiv:2205.10330). SGD has k times: Goyal et al. 2017 (arXiv:1706.02677).
    """
    plain = {key: value for key, value in values.items() if key not in ("optimiser", "lr")}
    own = values.get("optimiser", TrainSettings.model_fields["optimiser"].default)
    optimiser = given.optimiser if "optimiser" in given.model_fields_set else own
    if optimiser != own:
        values = plain
    elif "optimiser" not in given.model_fields_set and own == "muon" and not here.has_muon():
        say(
            f"recipe {chosen}: optimiser=adamw, as there is no Muon here; timm 1.0.21 has it,"
            " pip install -U timm"
        )
        values, optimiser = plain, "adamw"
    if (batches := given.processes * given.accumulate) > 1:
        times = batches if optimiser == "sgd" else math.sqrt(batches)
        return {**values, "lr": values.get("lr", given.lr) * times}
    return values


def _refusal(error: ValidationError, values: dict[str, Any]) -> str:
    key = faulty_key(error)
    if key is None:
        return contradiction(error)
    if key not in values:  # given, and by no command line, which would have refused it
        return f"{key}: expected {expectation(TrainSettings, key)}"
    return (
        f"{key}={shown(values[key])}: beyond what it takes once it is multiplied for processes and"
        f" accumulate; give {key}=, {expectation(TrainSettings, key)}"
    )
