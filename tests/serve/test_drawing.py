"""The page in a real browser: drawn on, and what it says; `-m browser` as of the report."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import line_said, through_the_door
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


def stroke(page, *points: tuple[float, float]) -> None:
    """One stroke of the mouse, in shares of the sheet."""
    box = page.locator("#paper").bounding_box()
    ends = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*ends[0])
    page.mouse.down()
    for end in ends[1:]:
        page.mouse.move(*end, steps=5)
    page.mouse.up()


def read_after(page, act):
    """The response to what is read after an act, shown already."""
    with page.expect_response(lambda one: "/predict" in one.url and one.ok) as told:
        act()
    told.value.finished()
    page.wait_for_function("document.getElementById('said').textContent !== ''")
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
    answer = read_after(page, lambda: page.uncheck("#explain")).json()
    assert "explanation" not in answer


def test_nothing_is_wider_than_the_screen(page):
    read_after(page, lambda: page.click("#samples button >> nth=2"))
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "docs"])
def test_axe_finds_nothing_serious(path, scheme, browser, address):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here")
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(address + path)
    if not path:
        page.wait_for_selector("html[data-ready]")
        page.click("#samples button >> nth=0")
        page.wait_for_selector("#looks figure")
    found = axe.Axe().run(page).response["violations"]
    context.close()
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in serious] == []
