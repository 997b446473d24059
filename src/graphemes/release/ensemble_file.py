"""ensemble.json in a pack: the runs that are averaged there, and how much each counts."""

from collections.abc import Mapping
from pathlib import Path

from graphemes.foundation.errors import DataError, SettingsError
from graphemes.foundation.files import read_json, write_json
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.foundation.settings.words import read_words

ENSEMBLE = "ensemble.json"  # beside the runs' folders
_KEYS = ("runs", "shares")


def ensemble_words(shares: Mapping[str, float]) -> dict[str, str]:
    """What predict has to be told of runs and their shares, as key and value."""
    return {"runs": ",".join(shares), "shares": ",".join(map(repr, shares.values()))}


def write_ensemble(path: Path, shares: Mapping[str, float]) -> None:
    """Write the runs and their shares."""
    write_json(path, ensemble_words(shares))


def read_ensemble(path: Path) -> dict[str, float]:
    """The shares by run. Raises DataError for what `predict` wouldn't take."""
    about = read_json(path)
    if not isinstance(about, dict) or not all(isinstance(about.get(key), str) for key in _KEYS):
        raise DataError(f"{path}: expected the words runs and shares; pack the runs again")
    try:
        words = read_words(PredictSettings, [f"{key}={about[key]}" for key in _KEYS])
    except SettingsError as error:
        raise DataError(f"{path}: {error}; pack the runs again") from None
    if words.runs is None or not isinstance(words.shares, tuple):
        raise DataError(f"{path}: expected a share for each run; pack the runs again")
    return dict(zip(words.runs, words.shares, strict=True))
