"""The page itself: values put into the template, the font that it needs, one file."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from graphemes.foundation.files import write_text
from graphemes.foundation.look import colours
from graphemes.synthesis.lettering.web_font import bengali_woff

_FONT = "FONT-IS-PUT-HERE"


@dataclass(frozen=True)
class Page:
    """One file of HTML that asks for nothing else."""

    html: str

    @property
    def bytes(self) -> int:
        """Its size."""
        return len(self.html.encode())

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        write_text(path, self.html)


def rendered(template: str, content: dict[str, Any], *, title: str, made: str) -> Page:
    """A page of one of the templates. `made`: when and by what, a line at its foot."""
    environment = Environment(
        # A text from a file (an id, a name, a setting) is never taken for HTML.
        autoescape=True,
        loader=PackageLoader("graphemes.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bn"] = _bengali
    environment.filters["percent"] = percent
    html = environment.get_template(template).render(
        **content, title=title, made=made, font=_FONT, colours=Markup(colours())
    )
    return Page(html.replace(_FONT, font_address(html)))


def font_address(text: str) -> str:
    """A font of the Bengali letters in a text, as an address that holds it."""
    return "data:font/woff;base64," + base64.b64encode(bengali_woff(text)).decode()


def percent(share: float) -> str:
    """'5.8 %', unbroken."""
    return f"{100 * share:.1f}\u202f%"


def _bengali(text: str) -> Markup:
    """Text in Bengali letters, for who reads it aloud and for the font."""
    return Markup('<span lang="bn">{}</span>').format(text)
