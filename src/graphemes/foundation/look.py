"""The look that the report and the page to draw on share."""

from importlib import resources


def colours() -> str:
    """A style sheet of colours by name, light and dark."""
    place = resources.files("graphemes.foundation").joinpath("colours.css")
    return place.read_text(encoding="utf-8")
