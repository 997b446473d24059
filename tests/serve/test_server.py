"""The server: what it reads, what it refuses, and that it is of this machine alone."""

import asyncio
import io
import json
import re
import signal
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import line_said, through_the_door
from graphemes.foundation.heads import HEADS, HEIGHT, PIXELS, WIDTH
from graphemes.foundation.look import colours
from graphemes.pipeline.reader import Reader, load_reader
from graphemes.serve import bodies
from graphemes.serve.bodies import FORM, LARGEST, MOST, RAW
from graphemes.serve.guard import HEADERS, Guard
from worlds import write_fold

starlette = pytest.importorskip("starlette", reason="starlette isn't installed")
pytest.importorskip("uvicorn", reason="uvicorn isn't installed")

PAGE = Path(__file__).resolve().parents[2] / "src" / "graphemes" / "serve" / "page"


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> dict[str, Reader]:
    place = tmp_path_factory.mktemp("served")
    files = [write_fold(place / f"fold{fold}", str(fold), seed=fold) for fold in range(2)]
    return {
        "all 2 together": load_reader(place, device="cpu", precision="fp32"),
        **{f"fold {k}": load_reader(path, device="cpu") for k, path in enumerate(files)},
    }


@pytest.fixture(scope="module")
def client(readers) -> Iterator:
    from starlette.testclient import TestClient

    from graphemes.serve.app import make_app

    with TestClient(
        make_app(readers, 0, b"font"), "http://127.0.0.1:8000", raise_server_exceptions=False
    ) as client:
        yield client


def scans(count: int) -> np.ndarray:
    made = np.full((count, HEIGHT, WIDTH), 255, np.uint8)
    for number, scan in enumerate(made):
        scan[30 : 60 + 5 * number, 60 + 20 * number : 140] = 20
    return made


def encoded(scan: np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(scan).save(file, kind, **options)
    return file.getvalue()


def post(client, body: bytes, kind: str = RAW, query: str = "", **headers):
    return client.post(f"/predict{query}", content=body, headers={"Content-Type": kind, **headers})


def form(*files: tuple[str, bytes], edge: str = "edge") -> tuple[bytes, str]:
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n'
        f"Content-Type: {kind}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for kind, content in files
    ]
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"{FORM}; boundary={edge}"


# What it reads.


def test_each_way_to_bring_scans_gives_what_python_reads(client, readers):
    made = scans(3)
    known = readers["all 2 together"].predict(made)
    raw = post(client, made.tobytes())
    assert raw.status_code == 200
    answers = [raw.json()["pictures"]]
    body, kind = form(*(("image/png", encoded(scan)) for scan in made))
    answers.append(post(client, body, kind).json()["pictures"])
    answers.append([post(client, encoded(one), "image/png").json()["pictures"][0] for one in made])
    for pictures in answers:
        assert [one["grapheme"] for one in pictures] == known["grapheme"].tolist()
        for head in HEADS:
            assert [one[head.name]["label"] for one in pictures] == known[head.name].tolist()
            for one, chance in zip(pictures, known[f"{head.name}_probability"], strict=True):
                best = one[head.name]["best"]
                assert len(best) == 5
                assert best[0]["probability"] == pytest.approx(chance, abs=1e-5)
    first = known["best"][0]
    found = [(one["text"], one["probability"]) for one in answers[0][0]["graphemes"]]
    assert [text for text, _ in found] == [text for text, _ in first]


def test_jpegs_and_photographs_are_read(client):
    grey = np.full((900, 1200), 190, np.uint8)
    grey[300:500, 400:460] = 40
    answer = post(client, encoded(grey, "JPEG"), "image/jpeg; charset=x")
    assert answer.status_code == 200
    assert len(answer.json()["pictures"]) == 1


def test_networks_are_chosen_compared_and_explained(client, readers):
    body = scans(1).tobytes()
    names = [one["name"] for one in client.get("/networks").json()["networks"]]
    assert names == list(readers)
    answer = post(client, body, query="?network=fold%201&compare=true&explain=true").json()
    assert answer["network"] == "fold 1"
    assert list(answer["networks"]) == names
    assert answer["networks"]["fold 1"] == answer["pictures"]
    seen = answer["explanation"]["seen"]
    assert seen.startswith("data:image/png;base64,")
    assert list(answer["explanation"]["looked"]) == [head.name for head in HEADS]


def test_many_at_once_are_each_answered(client, readers):
    made = scans(6)
    known = readers["all 2 together"].predict(made)["grapheme"].tolist()
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        answer = post(client, made[number % 6].tobytes())
        found[number] = answer.json()["pictures"][0]["grapheme"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(48)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert found == {number: known[number % 6] for number in range(48)}


def test_what_it_answers_is_what_its_openapi_says(client):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema isn't installed")
    document = client.get("/openapi.json").json()
    schema = {"$ref": "#/components/schemas/Answer", "components": document["components"]}
    for query in ("", "?compare=true", "?explain=true"):
        jsonschema.validate(post(client, scans(1).tobytes(), query=query).json(), schema)
    refusal = post(client, b"").json()
    jsonschema.validate(refusal, {**schema, "$ref": "#/components/schemas/Refusal"})
    assert client.get("/health").json()["status"] == "ok"


# What it refuses.


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(width: int, height: int, data: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


ONE = encoded(scans(1)[0])
JPEG = encoded(scans(1)[0], "JPEG")
GIF = encoded(scans(1)[0], "GIF")
BAD: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", RAW, ""),
    "no png": (b"", "image/png", ""),
    "one byte": (b"x", RAW, ""),
    "a byte less": (bytes(PIXELS - 1), RAW, ""),
    "a byte more": (bytes(PIXELS + 1), RAW, ""),
    "too many scans": (bytes(PIXELS * (MOST + 1)), RAW, ""),
    "too many bytes": (bytes(LARGEST + 1), RAW, ""),
    "text for a picture": (b"hello, world", "image/png", ""),
    "html": (b"<script>alert(1)</script>", "text/html", ""),
    "json": (b'{"image": "../../etc/passwd"}', "application/json", ""),
    "a form of fields": (b"image=%2Fetc%2Fpasswd", "application/x-www-form-urlencoded", ""),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", ""),
    "a gif": (GIF, "image/gif", ""),
    "a gif as png": (GIF, "image/png", ""),
    "a form without its end": (form(("image/png", ONE))[0][:-8], form()[1], ""),
    "a word given twice": (ONE, "image/png", "?explain=true&explain=true"),
    "no type": (ONE, "", ""),
    "a type of nonsense": (ONE, ";;;//", ""),
    "a long type": (ONE, "image/" + "x" * 5000, ""),
    "a picture cut": (ONE[: len(ONE) // 2], "image/png", ""),
    "a jpeg cut": (JPEG[:150], "image/jpeg", ""),
    "a head alone": (ONE[:33], "image/png", ""),
    "a signature alone": (ONE[:8], "image/png", ""),
    "a bomb": (png(60_000, 60_000, zlib.compress(bytes(10**6))), "image/png", ""),
    "a strip": (png(2**31 - 1, 8), "image/png", ""),
    "no width": (png(0, 10), "image/png", ""),
    "too small": (encoded(np.zeros((4, 4), np.uint8)), "image/png", ""),
    "a line": (encoded(np.zeros((8, 900), np.uint8)), "image/png", ""),
    "pixels of nonsense": (png(64, 64, b"no zlib"), "image/png", ""),
    "too few pixels": (png(64, 64, zlib.compress(b"\0\0")), "image/png", ""),
    "a checksum off": (ONE[:40] + b"\xff" + ONE[41:], "image/png", ""),
    "a long text": (
        ONE[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000))) + ONE[33:],
        "image/png",
        "",
    ),
    "zeros": (bytes(10_000), "image/jpeg", ""),
    "noise": (np.random.default_rng(0).bytes(10_000), "image/jpeg", ""),
    "a form without an edge": (ONE, FORM, ""),
    "a form of nothing": (form()[0], form()[1], ""),
    "a form that isn't one": (ONE, f"{FORM}; boundary=edge", ""),
    "a form cut": (form(("image/png", ONE))[0][:90], form()[1], ""),
    "another edge": (form(("image/png", ONE))[0], f"{FORM}; boundary=other", ""),
    "a form of text": (*form(("text/plain", b"hello")), ""),
    "a form with one bad": (*form(("image/png", ONE), ("image/png", b"bad")), ""),
    "too many files": (*form(*[("image/png", ONE)] * (MOST + 1)), ""),
    "a field alone": (
        b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\n/etc/passwd\r\n--edge--\r\n',
        f"{FORM}; boundary=edge",
        "",
    ),
    "no such network": (ONE, "image/png", "?network=../../fold0"),
    "an empty network": (ONE, "image/png", "?network="),
    "no such word": (ONE, "image/png", "?weights=/etc/passwd"),
    "explain what": (ONE, "image/png", "?explain=yes"),
    "compare what": (ONE, "image/png", "?compare=1"),
    "explain two": (scans(2).tobytes(), RAW, "?explain=true"),
    "a path": (ONE, "image/png", "?file=/etc/passwd"),
    "a word twice over": (ONE, "image/png", "?network=" + "x" * 5000),
    "a null": (ONE, "image/png", "?network=%00"),
}


def test_there_are_fifty_of_them():
    assert len(BAD) >= 50


@pytest.mark.parametrize("case", BAD)
def test_a_bad_body_is_answered_with_why(case, client):
    body, kind, query = BAD[case]
    answer = post(client, body, kind, query)
    assert 400 <= answer.status_code < 500, answer.text
    said = answer.json()["error"]
    assert said
    assert len(said) < 400
    assert "Traceback" not in said
    assert post(client, ONE, "image/png").status_code == 200, "and it goes on"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict", 405),
        ("PUT", "/predict", 405),
        ("POST", "/", 405),
        ("GET", "/nothing", 404),
        ("GET", "/samples/../app.py", 404),
        ("GET", "/samples/%2e%2e/%2e%2e/app.py", 404),
        ("GET", "//etc/passwd", 404),
        ("GET", "/page.js/", 404),
    ],
)
def test_what_there_is_not_is_said(method, path, status, client):
    answer = client.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8000"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
    ],
)
def test_other_names_and_origins_are_refused(headers, client):
    answer = post(client, ONE, "image/png", **headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_its_own_page_may_ask(client):
    answer = post(client, ONE, "image/png", Origin="http://127.0.0.1:8000")
    assert answer.status_code == 200
    assert post(client, ONE, "image/png", Host="localhost:8000").status_code == 200


def test_every_answer_tells_the_browser_what_it_may(client):
    for path in ("/", "/page.js", "/health", "/nothing", "/docs", "/samples/1.png"):
        answer = client.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value


def test_a_rate_is_kept_to(readers):
    from starlette.testclient import TestClient

    from graphemes.serve.app import make_app

    with TestClient(make_app(readers, 1, b"font"), "http://127.0.0.1:8000") as client:
        statuses = [post(client, ONE, "image/png").status_code for _ in range(6)]
        assert statuses[:2] == [200, 200]
        assert 429 in statuses
        last = post(client, ONE, "image/png")
        assert int(last.headers["retry-after"]) >= 1


def test_many_scans_are_compared_by_all_networks(client, readers):
    answer = post(client, scans(MOST).tobytes(), query="?compare=true")
    assert answer.status_code == 200
    assert {len(found) for found in answer.json()["networks"].values()} == {MOST}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of what it skips
def test_a_cameras_notes_that_are_wrong_are_no_fault_of_ours(client):
    exif = Image.Exif()
    exif[0x0112], exif[0x0100] = 6, 1
    whole = encoded(scans(1)[0], "JPEG", exif=exif)
    noted = whole.index(b"Exif")
    for place in range(noted, noted + 60):
        spoilt = whole[:place] + b"\xff" + whole[place + 1 :]
        assert post(client, spoilt, "image/jpeg").status_code in (200, 400)


def test_a_fault_of_ours_is_said_without_its_insides(readers):
    from starlette.testclient import TestClient

    from graphemes.serve import app

    spoilt = {"a": object()}
    with TestClient(
        app.make_app(spoilt, 0, b"font"), "http://127.0.0.1:8000", raise_server_exceptions=False
    ) as client:
        answer = post(client, ONE, "image/png")
    assert answer.status_code == 500
    assert answer.json() == {"error": "a fault of this program; its log says where"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_who_went_away_is_not_read_for(readers):
    from graphemes.serve.app import make_app

    name, reader = next(iter(readers.items()))
    began, go, read = threading.Event(), threading.Event(), []

    class Slow:
        """A reader that waits to be let go."""

        def __getattr__(self, word: str) -> object:
            return getattr(reader, word)

        def probabilities(self, pictures: list) -> object:
            read.append(len(pictures))
            began.set()
            go.wait(30)
            return reader.probabilities(pictures)

    app = make_app({name: Slow()}, 0, b"font")
    body = scans(2).tobytes()

    async def ask(leaves: asyncio.Event) -> list[dict]:
        """What is sent to somebody who asks, and goes away when `leaves` is set."""
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])
        answered: list[dict] = []

        async def receive() -> dict:
            if (message := next(messages, None)) is None:
                await leaves.wait()
                return {"type": "http.disconnect"}
            return message

        async def send(message: dict) -> None:
            answered.append(message)

        headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", RAW.encode())]
        address = {"scheme": "http", "server": ("127.0.0.1", 8000), "path": "/predict"}
        scope = {"type": "http", "method": "POST", "query_string": b"", "headers": headers}
        await app({**scope, **address, "client": ("127.0.0.1", 9)}, receive, send)
        return answered

    async def story() -> tuple[list[dict], list[dict]]:
        stays, leaves = asyncio.Event(), asyncio.Event()
        staying = asyncio.create_task(ask(stays))
        assert await asyncio.to_thread(began.wait, 30)  # so the next one has to wait
        leaving = asyncio.create_task(ask(leaves))
        await asyncio.sleep(0.2)
        leaves.set()
        gone = await asyncio.wait_for(leaving, 10)  # at once, not when it is read
        go.set()
        return await staying, gone

    answered, gone = asyncio.run(story())
    assert answered[0]["status"] == 200
    assert gone[0]["status"] == 400
    time.sleep(0.2)
    assert sum(read) == 2, "the two of who stayed"


def of_many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = encoded(scans(1)[0], "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + (count - whole.count(b"\xff\xda")) * whole[last:-2] + whole[-2:]


def test_a_jpeg_that_makes_work_without_end_is_refused(client):
    assert post(client, of_many_scans(100), "image/jpeg").status_code == 200
    answer = post(client, of_many_scans(101), "image/jpeg")
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "picture 1: a JPEG of 101 scans; expected at most 100; save it anew"
    )


def test_a_picture_may_be_named_as_the_other_kind(client):
    for kind, named in (("PNG", "image/jpeg"), ("JPEG", "image/png")):
        assert post(client, encoded(scans(1)[0], kind), named).status_code == 200


def test_a_form_that_ends_early_is_not_taken_for_whole(client):
    body, kind = form(*2 * [("image/png", encoded(scans(1)[0]))])
    assert len(post(client, body, kind).json()["pictures"]) == 2
    for cut in (6, 40, len(body) // 2 - 10):
        answer = post(client, body[:-cut], kind)
        assert (answer.status_code, "ends early" in answer.json()["error"]) == (400, True)
    body, kind = form(*(MOST + 2) * [("image/png", b"x")])
    assert post(client, body, kind).status_code == 413


def test_who_waits_for_others_pictures_is_told_so(client, monkeypatch):
    free = threading.Event()
    held = [bodies._DECODERS.submit(free.wait) for _ in range(2)]
    monkeypatch.setattr(bodies, "PATIENCE", 0.2)
    answer = post(client, encoded(scans(1)[0]), "image/png")
    free.set()
    assert all(one.result(5) for one in held)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"] == "other pictures are being decoded; try again"


def test_what_is_under_way_at_the_end_is_told_so():
    said: list = []

    async def forever(_scope, _receive, _send) -> None:
        await asyncio.sleep(60)

    async def keep(message) -> None:
        said.append(message)

    async def ended() -> None:
        scope = {"type": "http", "method": "GET", "headers": [(b"host", b"LOCALHOST:8000")]}
        asked = asyncio.create_task(Guard(forever)(scope, None, keep))
        await asyncio.sleep(0)
        asked.cancel()
        await asked

    asyncio.run(ended())
    assert said[0]["status"] == 503
    assert json.loads(said[1]["body"]) == {"error": "the server ends"}
    assert b"content-security-policy" in dict(said[0]["headers"])


def test_decoding_ends_with_whoever_waited_for_it():
    from graphemes.serve.bodies import Body, _scans

    given_up = threading.Event()
    files = [Body("image/png", ONE)] * 3
    assert len(_scans(files, given_up, threading.Event())) == 3
    given_up.set()
    assert _scans(files, given_up, threading.Event()) == []


# Its files.


def test_the_page_names_only_what_is_there(client):
    files = {path.name for path in PAGE.iterdir() if path.is_file()}
    for path in PAGE.glob("*.*"):
        if path.suffix not in {".html", ".css", ".js"}:
            continue
        text = path.read_text("utf-8")
        named = re.findall(r'(?:src|href)="([^"{}]+)"|url\("([^"]+)"\)|from "\./([^"]+)"', text)
        for name in (next(filter(None, one)) for one in named):
            if name != "docs":
                assert client.get(f"/{name}").status_code == 200, f"{path.name}: {name}"
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
    for name in files:
        assert client.get(f"/{name}").status_code == 200
    html = (PAGE / "index.html").read_text("utf-8")
    assert "<style" not in html
    assert "style=" not in html
    assert not re.search(r"\son\w+=", html), "the policy lets in no such script"
    used = set(re.findall(r"var\((--\w+)\)", (PAGE / "page.css").read_text("utf-8")))
    assert used <= set(re.findall(r"(--\w+):", colours()))


# The command.


def answer_of(url: str, seconds: float = 60) -> dict:
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_is_served_until_it_is_told_to_end(number, code, tmp_path):
    write_fold(tmp_path / "folds" / "fold0", "0")
    process = through_the_door("serve", f"work_dir={tmp_path}", "port=0", cwd=tmp_path)
    address = line_said(process, "draw there").split(": draw")[0]
    assert answer_of(f"{address}health")["status"] == "ok"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err


def test_a_body_on_its_way_when_it_ends_is_answered(tmp_path):
    write_fold(tmp_path / "folds" / "fold0", "0")
    process = through_the_door("serve", f"work_dir={tmp_path}", "port=0", cwd=tmp_path)
    address = line_said(process, "draw there").split(": draw")[0]
    name, port = address.strip("/").removeprefix("http://").split(":")
    asking = socket.create_connection((name, int(port)), timeout=30)
    head = f"POST /predict HTTP/1.1\r\nHost: {name}:{port}\r\nContent-Type: image/png\r\n"
    asking.sendall(f"{head}Content-Length: 1000\r\n\r\nPNG".encode())
    assert answer_of(f"{address}health")["status"] == "ok"  # it has read what came before
    process.send_signal(signal.SIGTERM)
    answer = asking.recv(10_000)
    asking.close()
    _, err = process.communicate(timeout=60)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert (process.returncode, err) == (0, "")


def test_who_asks_nothing_is_hung_up_on(monkeypatch):
    import uvicorn
    from starlette.responses import PlainTextResponse

    from graphemes.serve import server as ours

    async def app(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        await PlainTextResponse("read")(scope, receive, send)

    monkeypatch.setattr(ours, "HEADERS_WITHIN", 0.5)
    config = uvicorn.Config(app, http=ours.Impatient, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = listening.getsockname()
        running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        running.start()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
        silent, slow, asking = (socket.create_connection(place, timeout=20) for _ in range(3))
        slow.sendall(head)
        asking.sendall(head + b"\r\n12")
        assert silent.recv(100) == slow.recv(100) == b""
        asking.sendall(b"3")  # a body has a time of its own
        answer = b""
        while not answer.endswith(b"\r\n\r\nread"):
            part = asking.recv(1000)
            assert part
            answer += part
        asking.sendall(head)  # the next request, without its end
        assert asking.recv(100) == b""
        for one in (silent, slow, asking):
            one.close()
        server.should_exit = True
        running.join(20)


def test_a_port_that_is_taken_and_a_run_that_is_not_there_are_sentences(tmp_path, run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        write_fold(tmp_path / "folds" / "fold0", "0")
        said = run("serve", work_dir=tmp_path, port=port)
    assert said.code == 2
    assert f"port={port}: 127.0.0.1:{port} can't be had: " in said.err
    said = run("serve", work_dir=tmp_path / "nothing", port=0)
    assert said.code == 2
    assert "no finished fold" in said.err
