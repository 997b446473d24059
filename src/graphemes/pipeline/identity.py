"""What makes a fold the one that is asked for: settings, data, classes."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from graphemes.foundation.errors import DataError
from graphemes.foundation.files import digest, file_digest
from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.groups import LATER, Learning
from graphemes.network.weights import WeightsRecord

_DEFAULTS = {
    key: value for key, value in Learning().model_dump(mode="json").items() if key in LATER
}

_JOINING = {"synthetic": "synthetic images", "pseudo": "pseudo-labelled images"}


@dataclass(frozen=True)
class RunIdentity:
    """Equal identities, equal weights: fold by fold of one run."""

    settings: dict[str, Any]  # as JSON values, with the seed
    digests: dict[str, str]  # of data, folds and, where they join, synthetic and pseudo images
    classes: list[int]
    demo: bool

    def differences(self, asked: Self, other: str = "asked for") -> list[str]:
        """What differs from another that is asked for, for people: 'epochs is 3, asked for 4'."""
        old, new = {**_DEFAULTS, **self.settings}, {**_DEFAULTS, **asked.settings}
        found = [
            f"{key} is {old.get(key)}, {other} {new.get(key)}"
            for key in {**asked.settings, **self.settings}
            if old.get(key) != new.get(key)
        ]
        found += [
            f"its {_JOINING.get(name, name)} differ"
            for name in {**asked.digests, **self.digests}
            if self.digests.get(name) != asked.digests.get(name)
        ]
        return found if self.classes == asked.classes else [*found, "its classes differ"]

    def differs_in_views_alone(self, asked: Self) -> bool:
        """Whether all but tta is the same: weights as asked for, tables of other views."""
        same = not self.without_views().differences(asked.without_views())
        return same and bool(self.differences(asked))

    def without_views(self) -> Self:
        """The same without tta, which changes tables and no weights."""
        rest = {key: value for key, value in self.settings.items() if key != "tta"}
        return replace(self, settings=rest)

    @property
    def settings_digest(self) -> str:
        """A digest of the settings alone."""
        return digest(json.dumps(self.settings, sort_keys=True).encode())

    @classmethod
    def of_weights(cls, record: WeightsRecord) -> Self:
        """The identity of the run that weights say they are of."""
        return cls(record.settings, record.digests, record.classes, record.demo)

    def as_json(self) -> dict[str, Any]:
        """The value that `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """An identity as it was written, by whatever version. Raises ValueError for another value.

        What an earlier version didn't know is left empty: it differs then.
        """
        parts: dict[str, Any] = {"settings": {}, "digests": {}, "classes": [], "demo": False}
        if not isinstance(value, dict):
            raise ValueError("no object")  # noqa: TRY004  # one kind of fault for the reader
        parts |= {key: value[key] for key in parts if key in value}
        if not isinstance(parts["settings"], dict) or not isinstance(parts["digests"], dict):
            raise ValueError("no settings or digests")  # noqa: TRY004
        return cls(**parts)


def run_identity(
    settings: Learning, seed: int, digests: dict[str, str], *, demo: bool
) -> RunIdentity:
    """The identity that settings and data ask for. Raises DataError for a file of theirs."""
    learning = {**learning_settings(settings), "seed": seed}
    return RunIdentity(learning, digests, [head.classes for head in HEADS], demo)


def learning_settings(settings: Learning) -> dict[str, Any]:
    """The settings that decide which weights come out, as JSON values; files by their digest."""
    dumped = settings.model_dump(mode="json")
    chosen = {key: dumped[key] for key in Learning.model_fields}
    for key in ("init", "exclude", "pseudo"):
        path = getattr(settings, key)
        chosen[key] = None if path is None else _digest_of(key, path)
    for key in LATER:
        if getattr(settings, key) == Learning.model_fields[key].default:
            del chosen[key]
    return chosen


def _digest_of(key: str, path: Path) -> str:
    """The digest of a setting's file. Raises DataError naming the setting."""
    try:
        return file_digest(path)
    except DataError as error:
        raise DataError(
            f"{key}={error}; a run is known by this file, so put it back or leave {key} out"
        ) from None
