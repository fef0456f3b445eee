"""Frames: one look whatever the viewer prefers, nothing that runs, nothing that is loaded."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.surfaces.showing.frames import Look, framed, height
from dangol.surfaces.showing.viewing import preheader

EMAIL = (
    '<!DOCTYPE html><html lang="ko"><head><style>.a{color:red}@media (prefers-color-scheme:dark){.a{color:pink}}'
    "@media ( prefers-color-scheme : light ){.a{color:blue}}</style></head>"
    '<body><div style="display:none;font-size:1px">미리 &amp; 보기</div><!--[if mso]><p>x</p><![endif]-->'
    '<div class="a">(prefers-color-scheme:dark)</div></body></html>'
)


def media(html: str) -> list[str]:
    return re.findall(r"@media (\([^)]*\))", html)


@pytest.mark.parametrize(
    ("look", "answers"),
    [(Look.DARK, ["(min-width:0)", "(max-width:0)"]), (Look.LIGHT, ["(max-width:0)", "(min-width:0)"])],
)
def test_what_the_viewers_device_prefers_does_not_matter(look: Look, answers: list[str]) -> None:
    shown = framed(EMAIL, look)
    assert media(shown) == answers
    assert f"color-scheme:{look.value} !important" in shown


def test_words_of_the_letter_are_left_alone() -> None:
    assert '<div class="a">(prefers-color-scheme:dark)</div>' in framed(EMAIL, Look.DARK)


def test_the_policy_stands_before_everything_that_could_be_loaded() -> None:
    shown = framed(EMAIL, Look.LIGHT)
    policy = shown.index("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert shown.index("<head>") < policy < shown.index("<style>.a")
    assert "default-src 'none'" in framed("<p>no head</p>", Look.LIGHT).partition("<p>")[0]


def test_what_only_outlook_reads_is_left_out() -> None:
    assert "<!--" not in framed(EMAIL, Look.LIGHT)


@given(text=st.text(), width=st.integers(100, 1000))
def test_a_frame_is_high_enough_to_be_seen_and_no_higher_than_a_screen_can_bear(text: str, width: int) -> None:
    assert 420 <= height(text, width) <= 1600


@given(lines=st.lists(st.text("가나a ", min_size=1), min_size=1, max_size=20))
def test_more_lines_make_no_lower_frame(lines: list[str]) -> None:
    assert height("\n".join(lines), 375) <= height("\n".join([*lines, "a"]), 375)
    assert height("\n".join(lines), 600) <= height("\n".join(lines), 375)


@pytest.mark.parametrize(
    ("html", "line"),
    [
        (EMAIL, "미리 & 보기"),
        ("<body><p>seen</p><div style='display:none'>late</div></body>", ""),
        ("<body><div style='display: none'>a <div>b</div>\n c</div><div style='display:none'>d</div></body>", "a b c"),
        ("<div style='display:none'>outside</div>", ""),
        ("", ""),
    ],
)
def test_the_preheader_is_the_hidden_line_that_comes_first(html: str, line: str) -> None:
    assert preheader(html) == line
