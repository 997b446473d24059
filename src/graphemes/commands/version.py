"""version: of this package, its commit, and what it stands on."""

import platform

from graphemes.foundation.layout import ROOT
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import VersionSettings
from graphemes.foundation.versions import VERSION, commit, versions


def run(settings: VersionSettings) -> None:
    """Print one line."""
    del settings  # there are none
    known = commit(ROOT)
    torch = versions().get("torch", "missing")
    checkout = f"commit {known}, " if known else ""
    say(f"graphemes {VERSION}, {checkout}Python {platform.python_version()}, torch {torch}")
