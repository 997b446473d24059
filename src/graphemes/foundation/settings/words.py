"""Settings as people write and read them: the command line's words, errors, help."""

import difflib
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.types import Expected

Model = TypeVar("Model", bound=BaseModel)


def read_words(
    model: type[Model], words: list[str], beside: Mapping[str, Any] | None = None
) -> Model:
    """The settings of `key=value` words, and of values `beside` them, before which the words go.

    Raises SettingsError with a guess, the bounds, or what contradicts what.
    """
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise SettingsError(f"'{word}' is no setting; expected key=value, as fold=0")
        if key in values:
            raise SettingsError(f"setting '{key}' is given twice; give it once")
        if key not in model.model_fields:
            raise SettingsError(f"unknown setting '{key}'{guess(key, list(model.model_fields))}")
        values[key] = value
    try:
        return model.model_validate({**(beside or {}), **values})
    except ValidationError as error:
        raise SettingsError(_refusal(model, values, error)) from None


def _refusal(model: type[BaseModel], values: dict[str, str], error: ValidationError) -> str:
    key = faulty_key(error)
    if key is None:
        return contradiction(error)
    return f"setting '{key}': got '{values[key]}', expected {expectation(model, key)}"


def faulty_key(error: ValidationError) -> str | None:
    """The first setting whose value isn't what it takes; None if two settings contradict."""
    where = error.errors()[0]["loc"]
    return str(where[0]) if where else None


def contradiction(error: ValidationError) -> str:
    """The sentence of the validator that found two settings contradict."""
    assert faulty_key(error) is None, error
    return str(error.errors()[0]["ctx"]["error"])


def guess(word: str, known: list[str]) -> str:
    """'; did you mean X?' if something known is near, else what there is."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known) or 'none'}"


def expectation(model: type[BaseModel], key: str) -> str:
    """What values a setting takes: 'an integer, at least 1, at most 10000'."""
    schema = model.model_json_schema()["properties"][key]
    for note in _notes(model.model_fields[key]):
        if isinstance(note, Expected):
            return note.text
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return " or ".join(_option(option) for option in options)


def _notes(field: Any) -> list[Any]:
    """A field's annotations, also those inside `X | None`."""
    parts = getattr(field.annotation, "__args__", ())
    return [
        *field.metadata,
        *(note for part in parts for note in getattr(part, "__metadata__", ())),
    ]


def _option(option: dict[str, Any]) -> str:
    if "const" in option:
        return str(option["const"])
    if "enum" in option:
        return ", ".join(option["enum"][:-1]) + f" or {option['enum'][-1]}"
    name = {"integer": "an integer", "number": "a number", "boolean": "true or false"}
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    bounds = [f"{word} {shown(option[key])}" for key, word in words.items() if key in option]
    text = name.get(option["type"], "text")
    return f"{text}, {', '.join(bounds)}" if bounds else text


def shown(value: Any) -> str:
    """A setting's value as it is written on the command line."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else str(value)
    if type(value) is tuple:  # not one of ours with names, which knows how it is written
        return ",".join(map(shown, value))
    return str(value)


def help_lines(model: type[BaseModel], notes: dict[str, str]) -> list[str]:
    """One entry a key: its default (and a note on it), what it means, what it takes."""
    noted = notes if "recipe" in model.model_fields else {}
    lines = []
    for key, field in model.model_fields.items():
        lines.append(
            f"  {key}={shown(field.default)}" + (f"  ({noted[key]})" if key in noted else "")
        )
        lines.append(f"      {field.description}")
        lines.append(f"      {expectation(model, key)}")
    return lines
