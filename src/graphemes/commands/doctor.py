"""doctor: what is here, whether the data is whole, and what a run would need."""

import platform
from collections.abc import Iterator

from graphemes.foundation.layout import ROOT, Layout
from graphemes.foundation.machine import machine_name, usable_cores, usable_memory
from graphemes.foundation.places import gigabytes
from graphemes.foundation.progress import say
from graphemes.foundation.settings.commands import DoctorSettings, TrainSettings
from graphemes.foundation.settings.recipes import Here, Images, apply_recipe
from graphemes.foundation.versions import PACKAGES, commit, too_old, versions
from graphemes.network.devices import choose_engine, idle_gpu
from graphemes.pipeline.data_check import check_shards, check_synthetic, check_tables
from graphemes.pipeline.integrity import check_everything
from graphemes.pipeline.run_needs import check_folds, say_needs, say_shared_needs
from graphemes.pipeline.workspace import DEMO_IMAGES, find_data, find_layout
from graphemes.synthesis.demo import is_demo
from graphemes.training.muon import has_muon


def run(settings: DoctorSettings) -> None:
    """Print what was found; what is wrong with the data is said, not raised.

    Raises DataError where files aren't as they were written, with check=true.
    """
    layout = find_layout(settings)
    for line in (*_software(), *_hardware(settings), *_places(layout)):
        say(line)
    directory = find_data(settings)
    if directory is None:
        say("data      none found: a run would use the demo (drawings made from fonts)")
        rows, labelled, demo, labels = DEMO_IMAGES, DEMO_IMAGES, True, None
    else:
        say(f"data      {directory}")
        train_ids, test_ids = check_shards(directory, "train"), check_shards(directory, "test")
        labels = check_tables(directory, train_ids, test_ids)
        rows, labelled = len(train_ids) + len(test_ids), len(train_ids)
        demo = is_demo(directory)
    if settings.synthetic is not None:
        rows += check_synthetic(settings.synthetic)
    folds = check_folds(settings, labels)
    if not rows:
        say("a run     has nothing to train on here: no images")
    else:
        _say_all_needs(settings, layout, rows=rows, labelled=labelled, folds=folds, demo=demo)
    if settings.check:
        check_everything(layout, directory)


def _say_all_needs(
    settings: DoctorSettings, layout: Layout, *, rows: int, labelled: int, folds: int, demo: bool
) -> None:
    say_needs(layout, rows, folds)
    on_gpu = choose_engine(settings.device, settings.precision).device.type == "cuda"
    images, here = Images(labelled, labelled), Here(demo, on_gpu, has_muon)
    say_shared_needs(settings, apply_recipe(TrainSettings(), images, here))


def _software() -> Iterator[str]:
    found = versions()
    yield f"python    {found.pop('python')} on {platform.system()} {platform.machine()}"
    yield f"graphemes commit {_commit()}"
    yield "packages  " + ", ".join(f"{name} {version}" for name, version in found.items())
    names = tuple(package.name for package in PACKAGES)
    if missing := [name for name in names if name not in found]:
        yield f"missing   {', '.join(missing)}"
    if old := too_old(names):
        yield f"TOO OLD   {', '.join(old)}: bring them up to date with pip"


def _commit() -> str:
    known = commit(ROOT)
    if known is None:
        return f"unknown: {ROOT} is no checkout of git's, or its .git can't be read"
    if known.endswith("?"):
        return f"{known} (whether files were changed git doesn't say, if it is here at all)"
    return known


def _hardware(settings: DoctorSettings) -> Iterator[str]:
    engine = choose_engine(settings.device, settings.precision)
    memory = usable_memory()
    yield f"cores     {usable_cores()} usable, {machine_name()}"
    yield f"memory    {'unknown' if memory is None else gigabytes(memory)}"
    yield f"device    {engine.describe()}"
    if sentence := idle_gpu():
        yield f"IDLE GPU  {sentence}"


def _places(layout: Layout) -> Iterator[str]:
    yield f"work_dir  {layout.work_dir}"
    cached = sum(path.stat().st_size for path in layout.cache.glob("*.npy"))
    if cached:
        yield f"cache     {gigabytes(cached)} of decoded images in {layout.cache}"
