"""The page in a real browser: `pip install -r tests/browser-requirements.txt`, then -m browser."""

from collections.abc import Iterator

import pytest

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
