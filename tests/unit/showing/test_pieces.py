"""The HTML of messages: readable without eyes, in two languages, and closed to whatever data says."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dangol.editor.samples import DEFAULT, SAMPLES
from dangol.model.problem import Problem
from dangol.surfaces.showing.book import Book, book_of_files
from dangol.surfaces.showing.pieces import (
    Sheet,
    broken_piece,
    counted,
    index_document,
    message_document,
    told,
)
from dangol.surfaces.showing.sheets import rows_of, sheet_for, sheet_of
from dangol.surfaces.showing.viewing import Findings, Table, TableRow, Viewer, to_person, to_sample
from dangol.surfaces.showing.words import WORDS, locale_name
from tests.outline import Outline
from tests.workspaces import campaign, note, write_workspace

HOSTILE = [
    "</iframe><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' srcdoc='<script>",
    "</style></head><body onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- --><!--",
    "&lt;script&gt;",
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Book:
    name = "{{ profile.name }}"
    front = f"---\nsubject: '{name}'\npreheader: '{name}'\ntitle: '{name}'\n---\n"
    push = "---\ntitle: '{{{{ profile.name | truncate(40) }}}}'\nlink: https://a.example/{0}\n---\n{0}\n"
    texts = {
        "note/email.en.md.j2": f"{front}{name}\n\n[Go](https://a.example/{name})\n",
        "note/email.ko.md.j2": f"---\nsubject: 안녕\npreheader: P\ntitle: T\n---\n{name}\n",
        "note/sms.en.txt.j2": f"{name}\n",
        "note/push.en.txt.j2": push.format(name),
    }
    campaigns = (campaign("one", note("email", "sms", "push")), campaign("two", note("email"), name="둘째"))
    return book_of_files(write_workspace(tmp_path_factory.mktemp("shop"), *campaigns, texts=texts))


def page(shop: Book, name: str = "Alice") -> str:
    saying = shop.saying("note")
    reader = to_person({"name": name, "given_name": name, "locale": "en"})
    return message_document(sheet_for(_VIEWER, shop, saying, reader, saying.texts), "en")


_VIEWER = Viewer()


def href(message: str, sample: object, campaign: str | None) -> str:
    return f"{message}.html"


class TestHostileData:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
    @given(name=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60)))
    def test_changes_no_element_of_the_page_and_none_in_its_frames(self, shop: Book, name: str) -> None:
        shown, usual = Outline(page(shop, name)), Outline(page(shop, "x"))
        assume(len(shown.all("iframe")) == len(usual.all("iframe")))  # a name of nothing visible makes no subject
        assert "script" not in {tag for tag, _ in shown.tags}
        assert not any(key.startswith("on") for _, attributes in shown.tags for key in attributes)
        for frame, ordinary in zip(shown.all("iframe"), usual.all("iframe"), strict=True):
            inside, expected = Outline(frame["srcdoc"] or ""), Outline(ordinary["srcdoc"] or "")
            assert [tag for tag, _ in inside.tags] == [tag for tag, _ in expected.tags]

    @pytest.mark.parametrize("name", HOSTILE)
    def test_cannot_leave_its_frame(self, shop: Book, name: str) -> None:
        shown, usual = Outline(page(shop, name)), Outline(page(shop))
        assert [tag for tag, _ in shown.tags] == [tag for tag, _ in usual.tags]
        for frame in shown.all("iframe"):
            assert frame["sandbox"] in ("", None)
            assert "src" not in frame
            inside = Outline(frame["srcdoc"] or "")
            assert "script" not in {tag for tag, _ in inside.tags}
            assert not any(key.startswith("on") for _, attributes in inside.tags for key in attributes)

    def test_problems_are_text_as_well(self, shop: Book) -> None:
        saying = shop.saying("note")
        path = saying.texts[0].path
        nasty = Problem(path, 1, 1, "<b>", "<script>", "</p><script>", "error")
        row = TableRow("<i>", "<script>", ("<script>",), frozenset({0}))
        findings = Findings((nasty, Problem("<script>", 1, 1, "x", "y")), (Table(("<script>",), (row,)),))
        sheet = Sheet(saying, sheet_for(_VIEWER, shop, saying, to_sample(DEFAULT), saying.texts).previews, findings)
        assert "script" not in {tag for tag, _ in Outline(message_document(sheet, "en")).tags}


class TestReadable:
    @pytest.mark.parametrize("language", ["en", "ko"])
    def test_one_heading_labels_and_titles(self, shop: Book, language: str) -> None:
        sheet = sheet_of(_VIEWER, shop, shop.saying("note"), SAMPLES[1], href, index="index.html")
        outline = Outline(message_document(sheet, language))  # type: ignore[arg-type]
        assert outline.all("html") == [{"lang": language}]
        assert len(outline.all("h1")) == len(outline.all("main")) == len(outline.all("title")) == 1
        assert {one["id"] for one in outline.all("input")} == {one["for"] for one in outline.all("label")}
        assert all(frame["title"] for frame in outline.all("iframe"))
        assert len({frame["title"] for frame in outline.all("iframe")}) == len(outline.all("iframe"))
        ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        about = WORDS[language][f"sample_{SAMPLES[1].key}"]  # type: ignore[index]
        named = {attributes.get("aria-labelledby") for _, attributes in outline.tags} - {None}
        assert named <= set(ids)
        assert [one["title"] for one in outline.all("a") if one.get("aria-current")] == ["one", about]

    def test_emails_stand_in_two_widths_and_two_looks_each_in_its_language(self, shop: Book) -> None:
        outline = Outline(page(shop))
        frames = [(frame["width"], frame["class"]) for frame in outline.all("iframe")]
        each = [("375", "light"), ("375", "dark"), ("600", "light"), ("600", "dark")]
        assert frames == each * 2
        assert {one.get("lang") for one in outline.all("dd")} >= {"en", "ko"}

    def test_a_document_needs_no_other_and_runs_nothing(self, shop: Book) -> None:
        for html in (page(shop), index_document(rows_of(_VIEWER, shop, href), shop, "ko")):
            outline = Outline(html)
            assert not outline.all("script") + outline.all("link") + outline.all("img")
            assert any("default-src 'none'" in (one.get("content") or "") for one in outline.all("meta"))

    def test_a_real_person_is_told_plainly(self, shop: Book) -> None:
        saying = shop.saying("note")
        sheet = sheet_for(_VIEWER, shop, saying, to_person({"name": "A"}), saying.texts, real=True)
        assert WORDS["en"]["person"] in message_document(sheet, "en")
        assert WORDS["en"]["made_up"] not in message_document(sheet, "en")


class TestWords:
    def test_both_languages_have_the_same_words_with_the_same_places(self) -> None:
        english, korean = WORDS["en"], WORDS["ko"]
        assert english.keys() == korean.keys()
        for key, words in english.items():
            assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", korean[key])), key

    def test_locales_have_names(self) -> None:
        assert locale_name("ko", "en") == "Korean"
        assert locale_name("en-US", "ko") == "영어 (미국)"
        assert locale_name("xx-nowhere", "en") == "xx-nowhere"


class TestFindings:
    def test_a_problem_is_shown_with_its_line_and_place(self) -> None:
        (found,) = told([Problem("a", 2, 4, "code", "words")], {"a": "one\nabcdef\n"})
        assert (found.before, found.at, found.after) == ("abc", "d", "ef")

    def test_a_long_line_is_cut_around_the_place(self) -> None:
        (found,) = told([Problem("a", 1, 500, "code", "words")], {"a": "x" * 1000})
        assert found.before.startswith("…")
        assert len(found.before) + len(found.after) < 200

    @pytest.mark.parametrize("problem", [Problem("b", 1, 1, "c", "w"), Problem("a", 9, 1, "c", "w")])
    def test_a_place_that_is_not_there_has_no_line(self, problem: Problem) -> None:
        assert told([problem], {"a": "x"})[0].at == ""

    def test_the_worst_is_counted_first(self) -> None:
        problems = [Problem("a", 1, 1, "c", "w", severity=one) for one in ("note", "warning", "error", "note")]
        assert list(counted(problems).items()) == [("error", 1), ("warning", 1), ("note", 2)]

    def test_files_that_cannot_be_read_are_told_with_their_lines(self, tmp_path: Path) -> None:
        root = write_workspace(tmp_path / "shop", campaign("one"))
        (root / "campaigns/policies.yaml").write_text("colour: red\n")
        html = broken_piece(book_of_files(root), "en")
        assert "campaigns/policies.yaml:1:1" in html
        assert "colour: red" in unescape(re.sub(r"<[^>]*>", "", html))
