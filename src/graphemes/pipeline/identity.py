"""What makes a fold the one that is asked for: settings, data, classes."""

from typing import Any

from graphemes.foundation.files import file_digest
from graphemes.foundation.heads import HEADS
from graphemes.foundation.settings.groups import LATER, Learning

_LEFT_OUT = {
    key: value for key, value in Learning().model_dump(mode="json").items() if key in LATER
}


def learning_settings(settings: Learning) -> dict[str, Any]:
    """The settings that decide which weights come out, as JSON values; files by their digest."""
    dumped = settings.model_dump(mode="json")
    chosen = {key: dumped[key] for key in Learning.model_fields}
    for key in ("init", "exclude"):
        path = getattr(settings, key)
        chosen[key] = None if path is None else file_digest(path)
    for key in LATER:
        if getattr(settings, key) == Learning.model_fields[key].default:
            del chosen[key]
    return chosen


def identity(
    learning: dict[str, Any], seed: int, digests: dict[str, str], demo: bool
) -> dict[str, Any]:
    """What makes a fold the one that is asked for: equal identities, equal weights."""
    return {
        "settings": {**learning, "seed": seed},
        "digests": digests,
        "classes": [head.classes for head in HEADS],
        "demo": demo,
    }


def differences(kept: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """What differs between two identities, for people: 'epochs is 3, asked for 4'."""
    found = []
    for group in ("settings", "digests"):
        keys = {**asked[group], **kept.get(group, {})}
        left_out = _LEFT_OUT if group == "settings" else {}
        old, new = {**left_out, **kept.get(group, {})}, {**left_out, **asked[group]}
        for key in keys:
            if old.get(key) != new.get(key):
                if group == "digests":
                    found.append(f"its {key}{' images' if key == 'synthetic' else ''} differ")
                else:
                    found.append(f"{key} is {old.get(key)}, asked for {new.get(key)}")
    if kept.get("classes") != asked["classes"]:
        found.append("its classes differ")
    return found
