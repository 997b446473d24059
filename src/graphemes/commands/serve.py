"""serve: a page to draw on in the browser, read while one draws, and the same for programs."""

from graphemes.foundation.settings.serving import ServeSettings
from graphemes.serve.server import serve


def run(settings: ServeSettings) -> None:
    """Load the networks, say where the page is, answer until Ctrl-C."""
    serve(settings)
