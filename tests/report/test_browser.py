"""The page in a real browser: `pip install -r tests/browser-requirements.txt`, then -m browser."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_report import rewritten, won_by

from graphemes.report.page import font_address

pytestmark = pytest.mark.browser
SIZES = {"desktop": (1280, 900), "phone": (375, 812)}


@pytest.fixture(params=SIZES)
def shown(request, browser, reported) -> Iterator:
    """The report, at a desktop's size and a phone's; what it asked for and complained of."""
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.complaints, page.asked = [], []
    page.on("console", lambda said: page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda one: page.asked.append(one.url))
    page.goto((reported / "folds" / "report.html").as_uri())
    yield page
    context.close()


def test_it_asks_for_nothing_and_complains_of_nothing(shown):
    shown.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    shown.wait_for_load_state("networkidle")
    others = [url for url in shown.asked if not url.startswith(("file:", "data:"))]
    assert others == []
    assert [url for url in shown.asked if url.startswith("file:")] == [shown.url]
    assert shown.complaints == []
    broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
    assert shown.evaluate(broken) == 0


def test_nothing_is_wider_than_the_screen(shown):
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.evaluate(wide) == 0


@pytest.fixture(scope="module")
def judged(reported, tmp_path_factory) -> Path:
    """A run with all that a page can have, and two runs side by side, one of a long name."""
    from graphemes.__main__ import main

    work, _ = rewritten(reported, tmp_path_factory.mktemp("judged"))
    long = work / "folds" / "a-run-with-a-long-name-128x128"
    shutil.copytree(reported / "folds" / "other", long)
    record = json.loads((long / "fold0" / "run.json").read_text())
    record |= {"device": "NVIDIA H100 80GB HBM3, 2 processes, 16 threads, bf16"}
    record |= {"training_images": 160_672, "image_passes": 12_345_678, "train_seconds": 40_000}
    (long / "fold0" / "run.json").write_text(json.dumps(record))
    assert main(["score", f"work_dir={work}", "decide=prior"]) == 0
    won_by("prior", work)
    assert main(["report", f"work_dir={work}", "device=cpu"]) == 0
    assert main(["report", f"work_dir={work}", f"runs=-,{long.name}"]) == 0
    return work / "folds"


@pytest.mark.parametrize("name", ["report.html", "runs.html"])
@pytest.mark.parametrize("width", [360, 390, 1280])
def test_tables_keep_their_shape(name, width, browser, judged):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((judged / name).as_uri())
    rows = page.evaluate("[...document.querySelectorAll('tr')].map(row => row.offsetHeight)")
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('.scroll')].map(box => [
            box.scrollWidth - box.clientWidth,
            getComputedStyle(box).backgroundAttachment])"""
    )
    page.close()
    assert rows
    assert max(rows) < 110
    # Where a table is wider than the screen, a shadow lies where it goes on.
    assert all(over <= 0 or "local" in attached for over, attached in boxes)
    assert boxes[0][0] <= 0 or width < 390, "the table of scores is as narrow as a phone"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_shadow_is_seen_where_a_table_goes_on(scheme, browser, judged):
    page = browser.new_page(viewport={"width": 260, "height": 800}, color_scheme=scheme)
    page.goto((judged / "report.html").as_uri())
    box = page.locator(".scroll").first

    def edge() -> np.ndarray:
        """The last pixels before the right side, and paper beside."""
        shot = cv2.imdecode(np.frombuffer(box.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
        return shot[shot.shape[0] // 2, -2:].astype(int)

    # No row's line and no digit is in the middle of the air below the table's head.
    page.add_style_tag(content="table { visibility: hidden; }")
    before = edge()
    box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    page.wait_for_timeout(50)
    after = edge()
    page.close()
    assert abs(before - after).min() > 25


@pytest.mark.parametrize("name", ["report.html", "runs.html"])
def test_a4_has_room_for_its_tables(name, browser, judged):
    page = browser.new_page(viewport={"width": 678, "height": 900})  # of 210 mm, 1 cm off each side
    page.goto((judged / name).as_uri())
    page.emulate_media(media="print")
    found = page.evaluate(
        """() => [...document.querySelectorAll('table')].map(table => [
            table.getBoundingClientRect().right,
            getComputedStyle(table.parentElement).overflowX])"""
    )
    page.close()
    assert all(right <= 678 and overflow == "visible" for right, overflow in found), found


def test_what_a_class_is_taken_for_stands_beside_it(browser, reported):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((reported / "folds" / "report.html").as_uri())
    sides = page.evaluate(
        """() => [...document.querySelectorAll('.sides')].filter(one => one.children.length > 1)
            .map(one => [...one.children].map(side => side.getBoundingClientRect().top))"""
    )
    page.close()
    assert sides
    assert all(max(tops) - min(tops) < 1 for tops in sides)


def test_a_sign_and_its_probability_stay_in_one_line_of_their_card(shown):
    found = shown.evaluate(
        """() => [...document.querySelectorAll('.readings .one')].map(one => [
            one.getClientRects().length,
            one.closest('.card').getBoundingClientRect().right
                - one.getBoundingClientRect().right])"""
    )
    assert found
    assert all(lines == 1 and room > 0 for lines, room in found)


def test_ra_below_a_circle_stays_within_its_place(browser, reported, tmp_path):
    html = (reported / "folds" / "report.html").read_text("utf-8")
    sign = '<p style="font-size:100px;margin:0 0 0 100px;background:#fff;color:#000">{}</p></body>'
    one = '<span class="hangs"><span lang="bn">◌্র</span></span>'
    # The page's font has what the page says, so a sign that it doesn't show is taken of one's own.
    (tmp_path / "page.html").write_text(
        re.sub(r"data:font/woff;base64,[^\"]*", font_address("◌্র"), html).replace(
            "</body>", sign.format(one)
        ),
        "utf-8",
    )
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate("document.fonts.ready")
    shot = page.screenshot(full_page=True)
    top = page.evaluate("document.body.lastElementChild.getBoundingClientRect().top + scrollY")
    page.close()
    picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_GRAYSCALE)
    row = picture[int(top) + 2 : int(top) + 150, :400]
    assert (row[:, 101:] < 100).any()
    assert not (row[:, :100] < 100).any()


def test_bengali_is_in_the_font_that_it_carries(shown):
    loaded = "document.fonts.ready.then(() => document.fonts.check('16px \"Report Bengali\"', 'ক'))"
    assert shown.evaluate(loaded)
    # Conjuncts are joined: a sign alone would be as wide as its letters one beside the other.
    widths = shown.evaluate(
        """() => ['ক্ষ', 'ক', 'ষ'].map(text => {
            const one = document.createElement('span');
            one.lang = 'bn'; one.textContent = text; one.style.fontSize = '100px';
            document.body.append(one);
            const wide = one.getBoundingClientRect().width;
            one.remove();
            return wide;
        })"""
    )
    assert 0 < widths[0] < 0.85 * (widths[1] + widths[2])


def test_it_follows_the_system_into_the_dark(shown):
    colours = []
    for scheme in ("light", "dark"):
        shown.emulate_media(color_scheme=scheme)
        colours.append(
            shown.evaluate(
                "['backgroundColor', 'color'].map(key => getComputedStyle(document.body)[key])"
            )
        )
    assert colours[0][0] != colours[1][0]
    assert colours[0][1] != colours[1][1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(scheme, browser, reported):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here")
    # axe is put into the page, which lets no script in.
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto((reported / "folds" / "report.html").as_uri())
    found = axe.Axe().run(page).response["violations"]
    context.close()
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in serious] == []


def test_it_prints(browser, reported, tmp_path):
    page = browser.new_page()
    page.goto((reported / "folds" / "report.html").as_uri())
    page.pdf(path=tmp_path / "report.pdf")
    page.close()
    assert (tmp_path / "report.pdf").stat().st_size > 20_000
