"""Imports point down: a module knows its own package and those on lower floors, nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "graphemes"
FLOORS = {
    "foundation": 0,
    "competition": 1,
    "images": 2,
    "synthesis": 2,
    "evaluation": 2,
    "network": 3,
    "training": 4,
    "inference": 4,
    "pipeline": 5,
    "experiments": 6,
    "release": 6,
    "report": 6,
    "serve": 6,
    "commands": 7,
    "__main__": 8,
    "api": 8,
}
# Libraries that may be absent, or that a plain run can do without, may be imported where used.
OPTIONAL = {"uharfbuzz", "skimage", "sklearn", "tqdm", "matplotlib", "timm", "huggingface_hub"}
OPTIONAL |= {"onnx", "onnxruntime", "onnxscript", "polars"}
# Who may name a module in a string: what hands over to a command, and who looks for a library.
DYNAMIC = {
    "__main__.py",
    "foundation/versions.py",
    "network/timm_library.py",
    "synthesis/lettering/packages.py",
}
# Stories that run a study; to all others studies are unknown.
STUDIOUS = {"commands/ablate.py", "commands/bench.py", "commands/networks.py"}
STUDIOUS |= {"commands/synthesise.py"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def problems(where: str, text: str) -> list[str]:
    """What is wrong with the imports of `text`, the module at `where` below src/graphemes."""
    tree = ast.parse(text)
    if where.endswith("__init__.py"):
        only = len(tree.body) == 1 and ast.get_docstring(tree)
        return [] if only else [f"{where}: holds more or less than one docstring"]
    return [*crossings(where, tree), *hidden(where, tree), *dynamic(where, tree)]


def crossings(where: str, tree: ast.Module) -> Iterator[str]:
    room = room_of(where.split("/", maxsplit=1)[0].removesuffix(".py"))
    for node, names in imports(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"{where}:{node.lineno}: a relative import"
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] != "graphemes":
                continue
            if len(parts) == 1 or parts[1] not in FLOORS:
                yield f"{where}:{node.lineno}: imports {name}, which is on no floor"
            elif parts[1] != room and FLOORS[parts[1]] >= FLOORS[room]:
                yield f"{where}:{node.lineno}: imports {name}, which is not on a lower floor"
            elif parts[1] == room == "commands":
                yield f"{where}:{node.lineno}: imports {name}, a story another"
            elif parts[1] == "experiments" and room == "commands" and where not in STUDIOUS:
                yield f"{where}:{node.lineno}: imports {name}, which is a study"


def room_of(name: str) -> str:
    assert name in FLOORS, f"{name} is on no floor: give it one here and in the README"
    return name


def imports(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, list[str]]]:
    """Each import with the modules it may name; `from a import b` may mean the module a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield node, [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.module == "graphemes":
                yield node, [f"graphemes.{alias.name}" for alias in node.names]
            else:
                yield node, [node.module or ""]


def hidden(where: str, tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if isinstance(function, FUNCTIONS):
            for node, names in imports(function):
                for name in names:
                    if name.split(".")[0] not in OPTIONAL:
                        yield f"{where}:{node.lineno}: imports {name} inside a function"


def dynamic(where: str, tree: ast.Module) -> Iterator[str]:
    if where in DYNAMIC:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in ("import_module", "__import__"):
                yield f"{where}:{node.lineno}: names a module in a string"


def test_the_house_keeps_its_floors():
    paths = sorted(SOURCE.rglob("*.py"))
    assert len(paths) > 40
    found = [
        problem
        for path in paths
        for problem in problems(
            path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8")
        )
    ]
    assert not found, "\n".join(found)


def test_every_package_says_what_it_is():
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    lacking = [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]
    assert not lacking


@pytest.mark.parametrize(
    ("where", "text", "complaint"),
    [
        ("foundation/files.py", "from graphemes.evaluation.folds import x", "not on a lower floor"),
        ("foundation/files.py", "import graphemes.images.ink", "not on a lower floor"),
        ("images/ink.py", "from graphemes.evaluation import metrics", "not on a lower floor"),
        ("synthesis/demo.py", "from graphemes.evaluation.oof import x", "not on a lower floor"),
        ("evaluation/oof.py", "from graphemes.images.store import x", "not on a lower floor"),
        ("training/fold.py", "from graphemes.inference.predict import x", "not on a lower floor"),
        ("inference/predict.py", "from graphemes import training", "not on a lower floor"),
        (
            "network/model.py",
            "if True:\n    import graphemes.training.fold",
            "not on a lower floor",
        ),
        ("commands/train.py", "from graphemes.__main__ import main", "not on a lower floor"),
        ("commands/train.py", "from graphemes.commands.score import x", "a story another"),
        ("commands/train.py", "from graphemes.experiments.degradation import x", "is a study"),
        ("commands/train.py", "from graphemes.util import x", "on no floor"),
        ("commands/train.py", "import graphemes", "on no floor"),
        ("evaluation/oof.py", "from . import folds", "a relative import"),
        ("evaluation/oof.py", "from ..images import store", "a relative import"),
        ("evaluation/oof.py", "def f():\n    import torch", "inside a function"),
        (
            "evaluation/oof.py",
            "class A:\n    def f(self):\n        from graphemes.competition.csv_columns import x",
            "inside",
        ),
        ("evaluation/oof.py", "import importlib\nx = importlib.import_module('y')", "in a string"),
        (
            "evaluation/__init__.py",
            '"""Doc."""\nfrom graphemes.evaluation.oof import x',
            "one docstring",
        ),
        ("evaluation/__init__.py", "", "one docstring"),
    ],
)
def test_a_planted_violation_is_found(where, text, complaint):
    found = problems(where, text)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("synthesis/demo.py", "from graphemes.competition.shards import x"),
        ("commands/train.py", "import graphemes.training.fold"),
        ("commands/bench.py", "from graphemes.experiments.degradation import x"),
        ("__main__.py", "import importlib\nimportlib.import_module('graphemes.commands.train')"),
        ("evaluation/folds.py", "def f():\n    from sklearn.model_selection import x"),
        ("evaluation/__init__.py", '"""What stands here."""\n'),
    ],
)
def test_what_is_allowed_passes(where, text):
    assert problems(where, text) == []


def test_a_room_without_a_floor_is_noticed():
    with pytest.raises(AssertionError, match="attic is on no floor"):
        problems("attic/box.py", "import os")
