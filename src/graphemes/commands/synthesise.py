"""synthesise: draw handwriting in the competition's layout, or hold it against real images."""

from collections.abc import Sequence
from pathlib import Path

from graphemes.experiments.real_vs_drawn import compare
from graphemes.foundation.classes import Grapheme, competition_graphemes
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS
from graphemes.foundation.progress import say
from graphemes.foundation.settings.studies import SynthesiseSettings
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.collection_directory import draw_collection
from graphemes.synthesis.combinations import listed_graphemes, unseen_graphemes
from graphemes.synthesis.lettering.fonts import SHIPPED, font_files, typeface

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


def chosen_fonts(directory: Path | None) -> tuple[str, ...]:
    """The shipped fonts, and the paths of the user's own."""
    return SHIPPED + (font_files(directory) if directory else ())


def chosen_graphemes(choice: str | Path, fonts: Sequence[str]) -> Sequence[Grapheme]:
    """The graphemes asked for. Raises DataError for one that no font can write."""
    typefaces = [typeface(name) for name in fonts]
    if isinstance(choice, Path):
        listed = listed_graphemes(choice)
        for one in listed:
            if not any(font.can_write(one.text) for font in typefaces):
                raise DataError(
                    f"{choice}: no font can write '{one.text}' {tuple(one.labels)}; leave it out"
                    " or add a font with fonts=DIR"
                )
        return listed
    if choice == "seen":
        return competition_graphemes()
    unseen = unseen_graphemes(typefaces)
    triples = 1
    for head in HEADS:
        triples *= head.classes
    say(
        f"{len(unseen):,} of {triples:,} label triples aren't among train.csv's"
        f" {len(competition_graphemes()):,} graphemes and can be written"
    )
    return unseen if choice == "unseen" else [*competition_graphemes(), *unseen]
