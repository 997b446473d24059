"""The page in a real browser: drawn on, and what it says; `-m browser` as of the report."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import line_said, through_the_door
from drawing import dot_on_ink, drop, shown, stroke
from photographing import likeness, photographed
from worlds import write_fold

pytestmark = pytest.mark.browser
SIZES = {"desktop": (1280, 860), "phone": (375, 812)}
SAMPLES = Path(__file__).resolve().parents[2] / "src" / "graphemes" / "serve" / "page" / "samples"


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """A server with two folds, through the door."""
    work = tmp_path_factory.mktemp("drawn on")
    for fold in range(2):
        write_fold(work / "folds" / f"fold{fold}", str(fold), seed=fold)
    process = through_the_door("serve", f"work_dir={work}", "port=0", "rate=0", cwd=work)
    yield line_said(process, "draw there").split(": draw")[0]
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


@pytest.fixture(params=SIZES)
def page(request, browser, address) -> Iterator:
    width, height = SIZES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=request.param == "phone"
    )
    page = context.new_page()
    page.complaints, page.asked = [], []
    page.on("console", lambda said: page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda one: page.asked.append(one.url))
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == []


def read_after(page, act):
    """The response to what is read after an act, shown already."""
    with page.expect_response(lambda one: "/predict" in one.url and one.ok) as told:
        act()
    told.value.finished()
    page.wait_for_selector("#reading[aria-busy=false]")
    return told.value


def test_a_stroke_is_read_and_shown(page):
    assert page.is_visible("#hint")
    answer = read_after(page, lambda: stroke(page, (0.3, 0.3), (0.7, 0.3), (0.6, 0.8))).json()
    found = answer["pictures"][0]
    assert not page.is_visible("#hint")
    assert page.inner_text("#grapheme") == found["grapheme"]
    assert found["grapheme"] in page.inner_text("#said")
    for head in ("root", "vowel", "consonant"):
        assert page.locator(f"#{head} li").count() == 5
        assert page.locator(f"#{head} li.given").count() <= 1
    assert page.locator("#graphemes li").count() == 5
    assert page.locator("#looks figure").count() == 4
    assert page.locator("#compare tr").count() == 3
    assert answer["milliseconds"] > 0


def test_undo_clear_and_keys(page):
    read_after(page, lambda: stroke(page, (0.3, 0.3), (0.7, 0.3)))
    read_after(page, lambda: stroke(page, (0.5, 0.3), (0.5, 0.8)))
    read_after(page, lambda: page.click("#undo"))
    page.keyboard.press("Control+z")
    assert page.is_visible("#hint")
    assert page.inner_text("#sure") == "Nothing is drawn yet."
    assert page.is_disabled("#undo")
    page.keyboard.press("]")
    assert page.input_value("#brush") == "24"
    read_after(page, lambda: page.keyboard.press("3"))
    page.keyboard.press("Escape")
    assert page.locator("#root li").count() == 0
    # The keys alone: pen down, along, pen up.
    page.focus("#paper")
    page.keyboard.press("Space")
    assert not page.is_visible("#hint"), "it lies over the stroke"
    assert page.inner_text("#sure") == "Drawing …"
    assert page.is_enabled("#undo")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    read_after(page, lambda: page.keyboard.press("Space"))


def test_a_finger_draws(page):
    if not page.evaluate("navigator.maxTouchPoints"):
        pytest.skip("the desktop's page has no touch screen")
    box = page.locator("#paper").bounding_box()
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    read_after(page, lambda: page.touchscreen.tap(*at))


def test_a_file_is_read_and_what_is_none_is_said(page, tmp_path):
    read_after(page, lambda: page.set_input_files("#file", SAMPLES / "1.png"))
    (tmp_path / "notes.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.png")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "can't be opened as a picture" in page.inner_text("#trouble")
    read_after(page, lambda: page.click("#samples button >> nth=0"))
    assert not page.is_visible("#trouble")


def test_another_network_is_asked(page):
    read_after(page, lambda: page.click("#samples button >> nth=1"))
    answer = read_after(page, lambda: page.select_option("#network", "fold 1")).json()
    assert answer["network"] == "fold 1"
    assert "fold 1" in page.inner_text("#network-note")


def test_what_the_network_sees_stays_where_its_heat_is_not_asked_for(page):
    read_after(page, lambda: page.click("#samples button >> nth=1"))
    asked = len(page.asked)
    page.uncheck("#explain")
    assert page.locator("#looks figure").count() == 1
    assert page.inner_text("#looks") == "seen"
    page.check("#explain")
    assert page.locator("#looks figure").count() == 4
    assert not [url for url in page.asked[asked:] if "predict" in url]


FAILURES = {
    "nobody there": ({}, "the server can't be reached"),
    "a refusal": (
        {"status": 400, "content_type": "application/json", "body": '{"error": "no ink in it"}'},
        "no ink in it",
    ),
    "too many": (
        {"status": 503, "content_type": "text/plain", "body": "Service Unavailable"},
        "the server answers with status 503: it has too much to do; try again in a moment.",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_leaves_nothing_of_the_picture_before(failure, page):
    answer, sentence = FAILURES[failure]
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    page.route("**/predict*", lambda one: one.fulfill(**answer) if answer else one.abort())
    stroke(page, (0.1, 0.1), (0.9, 0.9))
    page.wait_for_selector("#trouble:not([hidden])")
    assert sentence in page.inner_text("#trouble")
    for name in ("grapheme", "sure", "said", "time"):
        assert page.inner_text(f"#{name}") == "", name
    assert page.locator(".bars li, #graphemes li, #looks figure, #compare tr").count() == 0
    page.unroute("**/predict*")
    if answer.get("status") == 400:
        assert not page.is_visible("#again"), "it would be refused again"
    else:
        read_after(page, lambda: page.click("#again"))
        assert not page.is_visible("#trouble")
    assert len(page.complaints) == 1, "the browser's own, of what failed"
    page.complaints.clear()


def test_an_old_reading_is_marked_while_the_next_is_read(page):
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    held = []
    page.route("**/predict*", lambda one, _: held.append(one))
    stroke(page, (0.1, 0.1), (0.9, 0.9))
    page.wait_for_selector("#reading.old[aria-busy=true]")
    read_after(page, held[0].continue_)
    page.wait_for_selector("#reading:not(.old)")


def held(page, pattern: str) -> list:
    """The requests of a pattern, which wait to be continued."""
    requests: list = []
    page.route(pattern, lambda one, _: requests.append(one))
    return requests


SLOW = """(slow) => {
    const decode = window.createImageBitmap;
    window.createImageBitmap = async (file, ...rest) => {
        const image = await decode(file, ...rest);
        if (file.name !== slow) return image;
        await new Promise((resolve) => (window.decoded = resolve));
        return image;
    };
}"""


def open_slowly(page) -> None:
    """A picture that is decoded when `decode` says so."""
    page.evaluate(SLOW, "slow.png")
    drop(page, np.zeros((400, 300), np.uint8), "slow.png")
    page.wait_for_selector("#opening:text('Opening the picture …')")


def decode(page) -> None:
    page.evaluate("new Promise((resolve) => { window.decoded(); setTimeout(resolve, 200); })")


def ink_at(page, x: float, y: float) -> bool:
    return page.evaluate(
        """([x, y]) => {
            const sheet = document.getElementById("paper");
            const context = new OffscreenCanvas(1, 1).getContext("2d");
            context.drawImage(sheet, -x * sheet.width, -y * sheet.height);
            return context.getImageData(0, 0, 1, 1).data[0] < 128;
        }""",
        [x, y],
    )


def test_a_late_picture_is_not_shown_over_a_newer_one(page):
    open_slowly(page)
    read_after(page, lambda: drop(page, np.full((400, 300), 255, np.uint8)))
    assert page.inner_text("#opening") == ""
    decode(page)
    assert not ink_at(page, 0.5, 0.5)
    page.click("#undo")
    assert page.is_visible("#hint"), "one picture was opened"


def test_a_late_sample_is_not_shown_over_a_newer_one(page):
    requests = held(page, "**/samples/1.png?late")
    page.evaluate("document.querySelector('#samples img').src = 'samples/1.png?late'")
    page.keyboard.press("1")
    page.wait_for_selector("#opening:not(:empty)")
    second = read_after(page, lambda: page.keyboard.press("2")).json()["pictures"]
    requests[0].continue_()
    page.wait_for_timeout(200)
    assert page.inner_text("#opening") == ""
    page.click("#undo")
    assert page.is_visible("#hint"), "one picture was opened"
    assert second == read_after(page, lambda: page.keyboard.press("2")).json()["pictures"]


@pytest.mark.parametrize("act", ["clear", "undo", "Escape", "Control+z"])
def test_what_is_taken_away_while_it_is_opened_does_not_come(act, page):
    open_slowly(page)
    if act in ("clear", "undo"):
        page.click(f"#{act}")
    else:
        page.keyboard.press(act)
    assert page.inner_text("#opening") == ""
    decode(page)
    assert page.is_visible("#hint")
    assert page.is_disabled("#undo")


def test_a_stroke_is_not_covered_by_a_late_picture(page):
    open_slowly(page)
    read_after(page, lambda: stroke(page, (0.1, 0.1), (0.9, 0.1)))
    decode(page)
    assert ink_at(page, 0.5, 0.1)
    assert not ink_at(page, 0.5, 0.5)


def test_clearing_is_undone_as_a_stroke_is(page):
    read_after(page, lambda: stroke(page, (0.1, 0.1), (0.9, 0.1)))
    page.keyboard.press("Escape")
    assert page.is_visible("#hint")
    assert page.is_disabled("#clear")
    read_after(page, lambda: page.click("#undo"))
    assert ink_at(page, 0.5, 0.1)
    # What is drawn after it is read alone.
    page.click("#clear")
    read_after(page, lambda: stroke(page, (0.1, 0.9), (0.9, 0.9)))
    assert not ink_at(page, 0.5, 0.1)


@pytest.mark.parametrize("button", ["undo", "clear"])
def test_the_keyboard_stays_on_the_page_when_its_button_goes(button, page):
    read_after(page, lambda: stroke(page, (0.1, 0.1), (0.9, 0.1)))
    page.focus(f"#{button}")
    page.keyboard.press("Enter")
    assert page.is_visible("#hint")
    assert page.evaluate("document.activeElement.id") == "paper"


def test_a_sample_is_read_as_its_file(page):
    found, asked = [], len(page.asked)
    file = SAMPLES / "3.png"
    for act in (lambda: page.set_input_files("#file", file), lambda: page.keyboard.press("3")):
        read_after(page, act)
        found.append([page.inner_text(".heads"), page.get_attribute("#looks img >> nth=0", "src")])
    assert found[0] == found[1]
    assert not [url for url in page.asked[asked:] if "samples" in url]


def test_what_failed_can_be_tried_again_after_a_picture_that_cannot_be_opened(page):
    page.route("**/predict*", lambda one: one.abort())
    stroke(page, (0.1, 0.1), (0.9, 0.9))
    page.wait_for_selector("#again:not([hidden])")
    for _ in range(2):
        page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
        page.wait_for_selector("#trouble:text('a.txt is no PNG or JPEG.')")
        assert page.inner_text("#trouble").count("can't be reached") == 1
    page.unroute("**/predict*")
    read_after(page, lambda: page.click("#again"))
    page.complaints.clear()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


SENT = """() => {
    const send = window.fetch;
    window.fetch = (address, request) => {
        window.sent = request.body;
        return send(address, request);
    };
}"""
LARGE = {
    "bytes": lambda: noise(2500, 2500),
    "pixels": lambda: np.full((9000, 9000), 255, np.uint8),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_picture_too_large_to_be_sent_is_made_smaller(kind, page):
    picture = LARGE[kind]()
    picture[800:1700, 1200:1300] = 0
    page.evaluate(SENT)
    read_after(page, lambda: drop(page, picture))
    assert page.evaluate("createImageBitmap(window.sent).then((one) => one.width)") == 1024
    assert not page.is_visible("#trouble")


def test_a_strip_is_refused_in_words_for_people(page):
    drop(page, np.zeros((1, 5000), np.uint8), "strip.png")
    page.wait_for_selector("#trouble:not([hidden])")
    assert page.inner_text("#trouble") == (
        "strip.png is 5000 × 1 pixels: too narrow for a picture of a grapheme."
    )
    assert not page.is_visible("#again")


def test_a_dot_on_a_photograph_leaves_it_one(page):
    photograph = photographed(cv2.imread(str(SAMPLES / "3.png"), cv2.IMREAD_GRAYSCALE), 1)
    drop(page, photograph)
    before = shown(page)
    answer = read_after(page, lambda: dot_on_ink(page, photograph))
    assert answer.request.headers["content-type"] == "image/png"
    assert likeness(before, shown(page)) > 0.9


def test_a_stroke_beside_a_photograph_is_read_too(page):
    photograph = photographed(cv2.imread(str(SAMPLES / "3.png"), cv2.IMREAD_GRAYSCALE), 1)
    drop(page, photograph)
    before = shown(page)
    read_after(page, lambda: stroke(page, (0.04, 0.2), (0.04, 0.8)))
    after = shown(page)
    # The bar at the left, and what was there before smaller, right of it.
    assert after[:, : after.shape[1] // 8].max() > 0.6
    assert likeness(before, after) < 0.5
    assert after.mean() < 0.35


def test_blank_paper_is_told_from_writing(page):
    drop(page, np.full((400, 600), 255, np.uint8))
    page.wait_for_selector("#said:not(:empty)", state="attached")
    assert page.inner_text("#sure") == "No ink is found in this picture."
    assert page.inner_text("#grapheme") == ""
    assert page.locator(".bars li").count() == 0
    # One dot is ink.
    page.click("#clear")
    read_after(page, lambda: stroke(page, (0.5, 0.5)))
    assert page.inner_text("#said").startswith("Read as")


def test_a_reading_has_one_percentage(page):
    read_after(page, lambda: page.click("#samples button >> nth=4"))
    sure = page.inner_text("#sure").removesuffix(" sure")
    assert sure.endswith("%")
    assert page.inner_text("#compare tr:first-child td:last-child") == sure
    assert page.locator("#graphemes li", has_text=page.inner_text("#grapheme")).count() >= 1
    assert page.locator("thead th").all_inner_texts() == ["Network", "Reads", "Sure of it"]


def test_where_the_rule_gives_another_than_the_likeliest_it_says_why(page):
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    assert page.inner_text("#why") == ""
    heads = page.locator(".heads").bounding_box()["y"]

    def other(route) -> None:
        answer = route.fetch()
        told = answer.json()
        root = told["pictures"][0]["root"]
        root["label"] = root["best"][1]["label"]
        route.fulfill(response=answer, json=told)

    def tuned(route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["networks"][0]["rule"] = "tuned"
        route.fulfill(response=answer, json=told)

    page.route("**/networks", tuned)
    page.route("**/predict*", other)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    assert page.inner_text("#why") == (
        "Not the likeliest: rule “tuned” weighs rare classes up, as the score does."
    )
    assert page.locator(".heads").bounding_box()["y"] - heads < 25, "a line more at most"
    page.keyboard.press("Escape")
    assert page.inner_text("#why") == ""


def test_what_a_screen_reader_is_told(page):
    assert page.get_attribute("#paper", "role") == "application"
    assert page.get_attribute("#paper", "aria-roledescription") == "drawing sheet"
    answer = read_after(page, lambda: page.click("#samples button >> nth=4")).json()
    assert page.inner_text("#said [lang=bn]") == answer["pictures"][0]["grapheme"]
    given = page.locator(".bars li[aria-current=true]")
    assert given.count() == page.locator(".bars li.given").count() == 3
    for text in given.all_inner_texts():
        assert "\N{CHECK MARK}" in text


@pytest.mark.parametrize("size", [(844, 390), (667, 375), (568, 320)])
def test_a_phone_held_sideways_has_all_of_the_sheet_and_room_beside_it(size, browser, address):
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    box = page.locator("#paper").bounding_box()
    page.close()
    assert box["y"] + box["height"] < size[1]
    assert size[0] - box["width"] > 60, "where a finger scrolls"


@pytest.mark.parametrize("width", [320, 360, 375])
def test_a_narrow_screen_has_tools_in_two_rows_and_heads_in_line(width, browser, address):
    page = browser.new_page(viewport={"width": width, "height": 700})
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    tops = """(what) => [...document.querySelectorAll(what)].map((one) => {
        const { top, height } = one.getBoundingClientRect();
        return Math.round(top + height / 2);
    })"""
    rows = sorted(page.evaluate(tops, ".tools > *"))
    heads, bars = (page.evaluate(tops, f".heads {one}") for one in ("h3", "li:first-child"))
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert sum(after - before > 15 for before, after in pairwise(rows)) == 1
    assert len(set(heads)) == len(set(bars)) == 1
    assert wide == width


def test_the_first_answer_moves_nothing_below_it(page):
    part = "document.getElementById('networks-part').getBoundingClientRect().top + scrollY"
    before = page.evaluate(part)
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    assert abs(page.evaluate(part) - before) < 3


@pytest.mark.parametrize("mobile", [False, True])
def test_keys_are_told_where_there_is_a_keyboard_however_narrow_the_page(mobile, browser, address):
    # A page of 1280 x 900 at 200 %: at this width two layouts met.
    size = {"width": 640, "height": 450}
    context = browser.new_context(viewport=size, is_mobile=mobile, has_touch=mobile)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    keys = page.is_visible("#keys")
    layout = page.evaluate("getComputedStyle(document.querySelector('main')).display")
    context.close()
    assert keys is not mobile
    assert layout == "grid"


def test_signs_stand_on_one_circle_in_the_examples_too(browser, address):
    page = browser.new_page()
    page.goto(address + "docs")
    widths = page.evaluate(
        """async () => {
            await document.fonts.load("16px 'Page Bengali'", "\u25cc\u09bf");
            const text = document.querySelector("#answer");
            const found = [...text.querySelectorAll("[lang]")].map((one) => one.offsetWidth);
            text.textContent = "\u25cc\u09bf"; // alone, after no other letters
            const range = document.createRange();
            range.selectNodeContents(text);
            return [found, range.getBoundingClientRect().width];
        }"""
    )
    page.close()
    assert len(widths[0]) == 4
    assert max(widths[0]) < 1.3 * widths[1]


def test_the_examples_for_programs_are_whole_and_true(browser, address, tmp_path):
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.goto(address + "docs")
    cut = "[...document.querySelectorAll('pre')].filter((one) => one.scrollWidth > one.clientWidth)"
    assert page.evaluate(f"{cut}.length") == 0
    program, told = (page.text_content(f"#{name}") for name in ("python", "answer"))
    page.close()
    (tmp_path / "scan.png").write_bytes((SAMPLES / "1.png").read_bytes())
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    assert [line.partition(" ")[0] for line in said[1:4]] == ["root", "vowel", "consonant"]
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.route("**/predict*", lambda one: one.continue_(url=address + "predict"))
    answer = read_after(page, lambda: page.click("#samples button >> nth=0")).json()
    page.close()
    assert shape(json.loads(told)) == shape(answer)


def shape(value):
    """The words of an answer, of a list its first entry's."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value)


def test_nothing_is_wider_than_the_screen(page):
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "#trouble", "docs"])
def test_axe_finds_nothing_serious(path, scheme, browser, address):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here")
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(address + path)
    if path != "docs":
        page.wait_for_selector("html[data-ready]")
        page.click("#samples button >> nth=0")
        page.wait_for_selector("#looks figure")
    if path == "#trouble":
        page.route("**/predict*", lambda one: one.abort())
        page.click("#samples button >> nth=0")
        page.wait_for_selector("#again")
    found = axe.Axe().run(page).response["violations"]
    context.close()
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in serious] == []
