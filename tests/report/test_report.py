"""report: one file that asks for nothing else, and says what the run's files say."""

import dataclasses
import itertools
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from graphemes.evaluation.calibration import Calibration
from graphemes.evaluation.oof import read_oof, write_oof
from graphemes.foundation.classes import VOWELS, sign_on_circle
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import Layout
from graphemes.report.charts import Line, calibration_chart, curves_chart, scores_chart
from graphemes.report.looks import Look
from graphemes.report.material import gather
from graphemes.report.mistaken import sign_of
from graphemes.report.page import font_address, rendered
from graphemes.report.pictures import TALLEST, cut, webp
from graphemes.report.run_page import headline, run_content
from worlds import make_table, write_synthetic


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br", "path", "use", "rect", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"a {tag} that closes something else"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


def need_whole(page: Path) -> Elements:
    """A page that loads nothing and runs nothing."""
    html = page.read_text("utf-8")
    assert len(html.encode()) < 5_000_000
    found = Elements(html)
    assert not found.open
    assert not found.all("script")
    assert not found.all("link")
    for tag in ("img", "a", "use"):
        for attrs in found.all(tag):
            for key in ("src", "href", "xlink:href"):
                assert (attrs.get(key) or "#").startswith(("data:image/webp;base64,", "#"))
    # Namespaces of SVG are names, not addresses.
    rest = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert "http:" not in rest
    assert "https:" not in rest
    assert all(attrs["alt"] for attrs in found.all("img"))
    ids = [attrs["id"] for _, attrs in found.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"] for attrs in found.all("a")]
    assert {target[1:] for target in targets} <= set(ids)
    return found


def test_train_ends_with_the_page_and_says_where_it_is(reported, tmp_path, train):
    said = train(data_dir=reported.parent / "images", work_dir=tmp_path, report="true", limit=20)
    assert said.code == 0, said.err
    assert f"{tmp_path / 'folds' / 'report.html'}: written" in said.out.splitlines()[-1]


def test_the_page_needs_nothing_else_and_says_what_the_files_say(reported):
    page = reported / "folds" / "report.html"
    found = need_whole(page)
    html = page.read_text("utf-8")
    overall = json.loads((reported / "folds" / "scores.json").read_text())["overall"]
    for value in (overall["score"], *overall["recall"].values()):
        assert f"{value:.4f}" in html
    assert found.all("img"), "scans are shown"
    for name in ("scores", "learning", "worst", "mistakes", "doubts", "trust", "looks", "record"):
        assert any(attrs.get("id") == name for attrs in found.all("section")), name
    assert "ink;" not in html.replace("var(--ink)", "")
    assert not re.search(r"#0[1-8]0[1-8]0[0-8]\b", html), "a colour that isn't the style sheet's"
    charts = [attrs for attrs in found.all("svg") if attrs.get("class") == "chart"]
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in charts)


def test_runs_stand_side_by_side_with_what_differs(reported, run):
    said = run("report", work_dir=reported, data_dir=reported.parent / "images", runs="-,other")
    assert said.code == 0, said.err
    page = reported / "folds" / "runs.html"
    need_whole(page)
    html = page.read_text("utf-8")
    assert "2 runs: the run without a name, other" in html
    assert re.search(r"<code>lr</code>.*<code>0.01</code>", html, re.DOTALL)


def test_a_run_with_fitted_rules_and_unseen_graphemes_shows_them(reported, tmp_path, run):
    work, table = rewritten(reported, tmp_path)
    said = run("score", work_dir=work, decide="prior")
    assert said.code == 0, said.err
    said = run("report", work_dir=work, device="cpu")
    assert said.code == 0, said.err
    page = work / "folds" / "report.html"
    found = need_whole(page)
    assert not found.all("img")
    html = page.read_text("utf-8")
    assert "Graphemes seen in training, and not" in html
    assert f"{len(table.image_ids):,}" in html


def won_by(rule: str, work: Path) -> dict:
    """The decisions of a run's tables, as if this rule had won on them."""
    path = work / "folds" / "decisions.json"
    value = {**json.loads(path.read_text()), "winner": rule}
    del value["checksum"]
    path.write_text(json.dumps(value))
    return value


def test_all_scores_by_decision_rules_are_on_the_scale_that_they_are_judged_on(
    reported, tmp_path, run
):
    work, _ = rewritten(reported, tmp_path)
    assert run("score", work_dir=work, decide="prior").code == 0
    decisions = won_by("prior", work)
    assert run("report", work_dir=work, device="cpu").code == 0
    nested = decisions["nested"]
    assert decisions["judged_by"] == "weighted"
    html = (work / "folds" / "report.html").read_text("utf-8")
    first = re.search(r'<div class="first"><dt>(.*?)</dt><dd>(.*?)</dd>', html, re.DOTALL)
    assert first[2] == f"{nested['auto']['judged']:.4f}" != f"{nested['auto']['score']:.4f}"
    words = " ".join(first[1].split())
    assert "unseen graphemes weigh 5.8 %, decided by the rule prior, on images that" in words
    charts = [attrs["aria-label"] for attrs in Elements(html).all("svg")]
    (rules,) = [label for label in charts if label.startswith("Decision rules: ")]
    for name, row in nested.items():
        label = f"{name} (taken)" if name == decisions["winner"] else name
        assert f"{label} {row['judged']:.4f}" in rules
    # What others reached belongs beside one scale or the other.
    (published,) = [label for label in charts if label.startswith("Scores: ")]
    assert f"this run, weighted {nested['auto']['judged']:.4f}" in published
    assert f"this run, seen only {nested['auto']['seen']:.4f}" in published
    # The recalls beside it are the rule's; what is on another scale says so.
    head = " ".join(html[html.index('<dl class="figures">') : html.index("<nav")].split())
    for value in nested["auto"]["recall"].values():
        assert f"<dd>{value:.4f}</dd>" in head
    assert "In the recalls each image counts alike." in head
    assert f"By the likeliest classes alone it is {nested['argmax']['judged']:.4f}." in head


def test_the_headline_names_what_it_is_of(reported, tmp_path, run):
    work, _ = rewritten(reported, tmp_path)
    layout = Layout(work)
    before = headline(gather(layout))
    assert (before.rule, before.by, before.weighted) == ("argmax", "argmax", True)
    assert run("score", work_dir=work, decide="prior").code == 0
    won_by("prior", work)
    material = gather(layout)
    file = material.decisions
    assert headline(material).by == "auto: prior"
    assert headline(material).argmax == pytest.approx(before.score)
    assert headline(material).recall == file.nested["auto"].recall
    assert (headline(material).alike, before.alike) == (True, False)
    # Argmax isn't fitted, so where it is taken its own score is the honest one.
    plain = dataclasses.replace(material, decisions=dataclasses.replace(file, winner="argmax"))
    assert headline(plain).score == file.nested["argmax"].judged
    assert headline(plain).by == "argmax"
    rows = {name: row for name, row in file.nested.items() if name != "auto"}
    earlier = dataclasses.replace(material, decisions=dataclasses.replace(file, nested=rows))
    assert headline(earlier).score == rows[file.winner].judged
    assert headline(earlier).by == file.winner


def test_runs_on_two_scales_are_told_apart(reported, tmp_path, run):
    work, _ = rewritten(reported, tmp_path)
    shutil.copytree(reported / "folds" / "other", work / "folds" / "other")
    path = work / "folds" / "other" / "fold0" / "oof.parquet"
    table = read_oof(path)
    write_oof(path, dataclasses.replace(table, seen=np.ones(len(table.image_ids), bool)))
    said = run("report", work_dir=work, runs="-,other")
    assert said.code == 0, said.err
    html = (work / "folds" / "runs.html").read_text("utf-8")
    assert "Two scales: only in the scores of the run without a name unseen" in html


def rewritten(reported: Path, tmp_path: Path):
    """A copy of the run whose table is another, with names that nobody should take for HTML."""
    work = tmp_path / "work"
    shutil.copytree(reported / "folds", work / "folds")
    shutil.rmtree(work / "folds" / "other")
    path = work / "folds" / "fold0" / "oof.parquet"
    made, _ = make_table(2500)
    names = [f"<script>alert({row})</script>" for row in range(2500)]
    seen = np.random.default_rng(0).uniform(size=2500) < 0.9
    table = dataclasses.replace(
        made, image_ids=names, seen=seen, digests=read_oof(path).digests, source=str(path)
    )
    write_oof(path, table)
    return work, table


def test_without_data_dir_the_images_are_those_that_the_record_names(reported, tmp_path, run):
    work, images = tmp_path / "work", reported.parent / "images"
    shutil.copytree(reported / "folds", work / "folds")
    said = run("report", work_dir=work, device="cpu")
    assert said.code == 0, said.err
    assert f"the images are those of data_dir={images}, as the run's record says" in said.out
    page = work / "folds" / "report.html"
    assert Elements(page.read_text("utf-8")).all("img")
    assert said.out.splitlines()[-1] == (
        f"{page}: written, {page.stat().st_size / 1e6:.1f} MB; open it in a browser"
    )


def test_a_recorded_data_dir_that_is_no_longer_the_runs_is_left_alone(reported, tmp_path, run):
    work = tmp_path / "work"
    shutil.copytree(reported / "folds", work / "folds")
    record = work / "folds" / "fold0" / "run.json"
    known = json.loads(record.read_text())
    (empty := tmp_path / "empty").mkdir()
    others = write_synthetic(tmp_path / "others", 90)
    shard = next(others.glob("train_image_data_*.parquet"))
    table = pq.read_table(shard)  # these names, but other pictures
    names = table["image_id"].take(list(reversed(range(table.num_rows))))
    pq.write_table(table.set_column(0, table.field("image_id"), names), shard)
    smaller = write_synthetic(tmp_path / "smaller", 20)
    for place in [empty, "s3://bucket/folder", "x" * 5000, 7, others, smaller]:
        named = str(place) if isinstance(place, Path) else place
        settings = {**known["settings"], "data_dir": named}
        record.write_text(json.dumps({**known, "settings": settings}))
        said = run("report", work_dir=work, device="cpu")
        assert said.code == 0, said.err
        why = "are of other images than those" if place in (others, smaller) else "aren't here"
        warning = next(line for line in said.out.splitlines() if line.startswith("WARNING: "))
        assert why in warning, place
        assert "MB, WITHOUT PICTURES; open it" in said.out.splitlines()[-1]
        assert not Elements((work / "folds" / "report.html").read_text("utf-8")).all("img")
    # Nor is what can't be of the run decoded.
    assert not any("smaller" in path.name for path in (work / "data" / "cache").glob("*"))


def test_what_a_file_says_is_never_html(reported, tmp_path, run):
    work, _ = rewritten(reported, tmp_path)
    assert run("report", work_dir=work).code == 0
    html = (work / "folds" / "report.html").read_text("utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;alert(" in html


def test_a_record_of_an_earlier_version_and_a_log_that_is_gone_do(reported, tmp_path, run):
    work, _ = rewritten(reported, tmp_path)
    fold = work / "folds" / "fold0"
    record = json.loads((fold / "run.json").read_text())
    (fold / "run.json").write_text(json.dumps({"identity": record["identity"]}))
    for log in ('{"epoch": 1, "loss": 2, "score": 0.5}\n', "[" * 100_000):
        (fold / "log.jsonl").write_text(log)
        said = run("report", work_dir=work)
        assert said.code == 0, said.err
    (fold / "log.jsonl").unlink()
    said = run("report", work_dir=work)
    assert said.code == 0, said.err
    need_whole(work / "folds" / "report.html")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"name": "nobody"}, "no finished fold with an out-of-fold table, so nothing to report"),
        ({"name": "nobody"}, "train one first: bash run.sh fold=0 name=nobody"),
        ({"runs": "-,nobody"}, "runs=nobody"),
        ({"runs": "-,other", "name": "other"}, "name, runs: two ways to choose"),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(words, sentence, reported, run):
    said = run("report", work_dir=reported, **words)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1


def test_a_run_of_every_row_has_nothing_to_report_and_is_told_so(reported, tmp_path, run):
    fold = tmp_path / "folds" / "all" / "foldnone"
    fold.mkdir(parents=True)
    for name in ("run.json", "weights.safetensors"):
        shutil.copy(reported / "folds" / "fold0" / name, fold)
    said = run("report", work_dir=tmp_path, name="all")
    assert said.code == 2
    assert "trained on every row (fold=none), so no image is left to judge it" in said.err
    assert "train a fold too: bash run.sh fold=0 name=all" in said.err
    assert "train one first" not in said.err


def test_a_report_that_cannot_be_written_costs_no_training(reported, tmp_path, train):
    (tmp_path / "folds" / "report.html").mkdir(parents=True)
    said = train(data_dir=reported.parent / "images", work_dir=tmp_path, report="true", limit=20)
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1].startswith("no report: ")


def log_of(epochs: int, score: float) -> list[dict]:
    recall = {head.name: score for head in HEADS}
    return [
        {"epoch": epoch, "loss": 1 / epoch, "score": score, "recall": recall}
        for epoch in range(1, epochs + 1)
    ]


def words_at(svg: str) -> dict[str, float]:
    """Each text of a chart, and how far down it stands."""
    found = re.findall(r"<text([^>]*)>([^<]*)</text>", svg)
    return {
        text: float(re.search(r'\by="([\d.]+)"', attrs)[1])
        for attrs, text in found
        if 'y="' in attrs
    }


def test_no_two_folds_of_ten_are_drawn_alike():
    svg = str(curves_chart({f"fold {fold}": log_of(3, 0.9 + fold / 200) for fold in range(10)}))
    looks = []
    for style in re.findall(r'<path d="[^"]*" clip-path="[^"]*" style="(fill: none; [^"]*)"', svg):
        colour = re.search(r"stroke: (var\(--[\w-]+\))", style)[1]
        dash = re.search(r"stroke-dasharray: ([\d., ]+)", style)
        if "--grid" not in colour:
            looks.append((colour, dash[1] if dash else "solid"))
    assert len(looks) == 2 * 10, "one of each fold in each of two charts"
    assert len(set(looks)) == 10
    # Of the usual five each has a dash of its own, for who can't tell hues apart.
    assert len({dash for _, dash in looks[:5]}) == 5


@pytest.mark.parametrize(("names", "points"), [(["fold 0"], 1 + 4), (["a", "b"], 2 * 2)])
def test_a_single_epoch_is_seen_where_it_makes_no_line(names, points):
    """The loss and the score of each, and of a fold alone its recalls."""
    svg = str(curves_chart(dict.fromkeys(names, log_of(1, 0.9))))
    marks = re.findall(r'<use [^>]*y="([\d.]+)" style="fill: var\(--([\w-]+)\)', svg)
    own = [(y, colour) for y, colour in marks if colour not in ("muted", "grid")]
    legend = max(float(y) for y, _ in own)
    assert len([one for one in own if float(one[0]) < legend]) >= points


def test_few_images_do_not_rule_the_calibration():
    few = Calibration(np.array([3, 5000]), np.array([0.1, 0.9]), np.array([1.0, 0.9]), 0.01)
    svg = str(calibration_chart(PerHead(few, few, few)))
    dots = re.findall(r'<use [^>]*style="fill: var\(--(root|vowel|consonant)\)', svg)
    assert sorted(set(dots)) == ["consonant", "root", "vowel"]
    assert len(dots) == 3 + 3  # a bin of each, and what the legend shows


@pytest.mark.parametrize(
    "runs", [["fold 0"], ["fold 0", "fold 1"], ["a", "a name as long as this one, or longer"]]
)
def test_a_legend_lies_below_the_axes(runs):
    svg = str(curves_chart({name: log_of(3, 0.9) for name in runs}))
    found = words_at(svg)
    labels = runs if len(runs) > 1 else ["root", "vowel", "consonant"]
    assert all(found[label] > found["epoch"] for label in labels)


@pytest.mark.parametrize("gap", [0.0003, 0.0024, 0.005, 0.011])
def test_scores_that_lie_close_leave_room_between_their_ticks(gap):
    svg = str(scores_chart([Line("one run", 0.9598), Line("a-run-of-a-long-name", 0.9598 - gap)]))
    ticks = re.findall(r'<text[^>]*middle[^>]*\bx="([\d.]+)"[^>]*>(0\.\d+)</text>', svg)
    places = [(float(x), 5.5 * len(text)) for x, text in ticks]  # of 9 points a digit takes 5.5
    assert len(places) > 1
    for (left, wide), (right, _) in itertools.pairwise(places):
        assert right - left > 1.3 * wide


def test_a_card_says_which_is_the_label(reported):
    html = (reported / "folds" / "report.html").read_text("utf-8")
    cards = html[html.index('<section id="mistakes">') : html.index('<section id="doubts">')]
    wrong = re.findall(r'<span class="one wrong">(.*?)</li>', cards, re.DOTALL)
    assert wrong
    assert all('<span class="one">label ' in one for one in wrong)


def test_ra_below_a_circle_has_room_to_its_left():
    hanging = [sign_of(HEADS.consonant, label).hangs for label in range(HEADS.consonant.classes)]
    assert hanging == [False] * 5 + [True, True]


@pytest.mark.parametrize("spoke", [True, False])
def test_a_panel_without_orange_is_explained(spoke, reported):
    content = run_content(gather(Layout(reported)), None, "cpu")
    picture = webp(np.full((8, 8), 255, np.uint8))
    heats = [("root", picture, True), ("vowel", picture, spoke), ("consonant", picture, True)]
    content["looks"] = [Look("Train_0", "ক", True, picture, heats)]
    html = rendered("run.html", content, title="a run", made="now").html
    assert ("A panel without orange is no mistake of the page" in html) is not spoke
    assert html.count(": nothing</figcaption>") == (0 if spoke else 1)
    assert ('<figcaption class="vowel">vowel: nothing<' in html) is not spoke


def test_the_font_has_what_a_page_says_and_little_more():
    some = font_address("ক্ষ্ম")
    assert some.startswith("data:font/woff;base64,")
    assert len(some) < len(font_address("".join(map(chr, range(0x980, 0x9FF))))) / 2
    assert font_address("no Bengali at all").startswith("data:font/woff;base64,")


def test_signs_stand_where_they_are_written():
    assert sign_on_circle("root", 13) == "ক"
    assert sign_on_circle("vowel", 0) == ""
    assert sign_on_circle("vowel", 1) == f"\u25cc{VOWELS[1]}"
    # Reph is written above what follows it, so the circle comes after.
    assert sign_on_circle("consonant", 2) == "\u09b0\u09cd\u25cc"
    assert sign_on_circle("consonant", 3) == "\u09b0\u09cd\u25cc\u09cd\u09af"
    assert sign_on_circle("consonant", 0) == ""
    assert all(len(sign_on_circle(head.name, head.classes - 1)) > 0 for head in HEADS)


def test_a_scan_is_cut_to_its_ink():
    scan = np.full((137, 236), 255, np.uint8)
    scan[40:60, 100:130] = 0
    assert cut(scan).shape < (60, 80)
    scan[5:135, 20:220] = 0
    assert cut(scan).shape[0] == TALLEST
    assert cut(np.full((137, 236), 255, np.uint8)).size > 0
