"""Variations: settings that are changed together, to be held against the run without them.

One is written as settings with + between, `mix=cutmix+mix_share=0.5`; several with ; between.
"""

import hashlib
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.types import Expected

BASELINE = "baseline"  # what the run without a variation is called
_LONGEST = 60  # letters of a variation in the name of a run's folder


def _variations(value: Any) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    found = tuple(re.split(r"[;\s]+", str(value).strip(" ;")))
    if found == ("",):
        raise ValueError("nothing to vary")
    twice = next((one for one in found if found.count(one) > 1), None)
    if twice is not None:
        raise SettingsError(f"vary: {twice} is given twice; give it once")
    return found


def _seeds(value: Any) -> int | tuple[int, ...]:
    if isinstance(value, (int, tuple)):
        return value
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", str(value)):
        raise ValueError("no seeds")
    found = tuple(int(part) for part in str(value).split(","))
    if len(found) > 1:
        twice = next((seed for seed in found if found.count(seed) > 1), None)
        if twice is not None:
            raise SettingsError(f"seeds: {twice} is given twice; give it once")
        return found
    if not 1 <= found[0] <= 1000:
        raise ValueError("no count")
    return found[0]


Variations = Annotated[
    tuple[str, ...],
    BeforeValidator(_variations),
    Expected('settings as of train, in quotes: "lr=1e-3;ema=0+clip=1" are two variations'),
]
Seeds = Annotated[
    int | tuple[int, ...],
    BeforeValidator(_seeds),
    Expected("how many, from seed= on, as 3; or which, as 0,5,7"),
]


def words_of(variation: str) -> list[str]:
    """Its settings: ["mix=cutmix", "mix_share=0.5"]; a + within a value, as in 1e+3, is none."""
    return re.split(r"\+(?=[a-z_]+=)", variation) if variation else []


def folder_name(variation: str) -> str:
    """A variation in the name of a run: what file names don't take, or too much, by a digest."""
    plain = variation.replace("=", "-").replace("+", "_") or BASELINE
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", plain)
    if safe == plain and len(safe) <= _LONGEST:
        return safe
    mark = hashlib.blake2b(variation.encode(), digest_size=4).hexdigest()
    return f"{safe[: _LONGEST - 9]}-{mark}"
