"""synthesise: draw handwriting in the competition's layout, or hold it against real images."""

from graphemes.experiments.real_vs_drawn import compare
from graphemes.foundation.progress import say
from graphemes.foundation.settings.studies import SynthesiseSettings
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.collection_directory import draw_collection
from graphemes.synthesis.lettering.fonts import chosen_fonts
from graphemes.synthesis.selection import chosen_graphemes

IMAGES = 20_000


def run(settings: SynthesiseSettings) -> None:
    """Draw a directory of images or go on with it; or compare drawings with real images."""
    if settings.compare is not None:
        compare(settings, settings.compare, chosen_fonts(settings.fonts))
        return
    assert settings.out is not None  # or the settings would have said so
    fonts = chosen_fonts(settings.fonts)
    graphemes = chosen_graphemes(settings.graphemes, fonts)
    asked = Collection(
        graphemes,
        settings.images or IMAGES,
        settings.tests,
        settings.seed,
        fonts,
        balance=settings.balance,
    )
    workers = None if settings.workers == "auto" else settings.workers
    new = draw_collection(settings.out, asked, workers)
    shown = "one grapheme" if len(graphemes) == 1 else f"{len(graphemes):,} graphemes"
    few = "some of " if asked.images < len(graphemes) else ""
    what = f"{asked.images:,} images of {few}{shown}"
    if asked.tests:
        what += f" and {asked.tests:,} test images"
    say(f"{settings.out}: {what}{'' if new else ', drawn before with these settings: kept'}")
