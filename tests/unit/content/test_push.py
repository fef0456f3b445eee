"""A push: what it can carry, and how it is cut to what phones show."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.content import columns
from dangol.content.carriers import TEXT_COLUMNS, TITLE_COLUMNS
from dangol.content.messages import Messages
from dangol.errors import ContentTooLong, ProblemsFound, RenderError
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.content.workspace import compiled as compile_sources

WHOLE = (
    "title: Your record is here\nlink: https://dangol.example/o/{{ event.id }}\n"
    "image: https://dangol.example/covers/{{ event.id }}.jpg\ncollapse_key: order-{{ event.id }}\nttl: 4 hours\n"
)


def compiled(front: str, body: str = "It waits for you.", purpose: Purpose = Purpose.TRANSACTIONAL) -> Messages:
    return compile_sources({"templates/note/push.en.txt.j2": f"---\n{front}---\n{body}"}, purpose=purpose)


def said(front: str, body: str = "It waits for you.", **event: object) -> Rendered:
    return compiled(front, body).render("note", Channel.PUSH, "en", {"event": event})


def test_a_push_has_link_image_collapse_key_and_time_to_live() -> None:
    rendered = said(WHOLE, id="a/b")
    assert rendered.link == "https://dangol.example/o/a%2Fb"
    assert rendered.image == "https://dangol.example/covers/a%2Fb.jpg"
    assert rendered.collapse_key == "order-a/b"
    assert rendered.ttl == timedelta(hours=4)


def test_what_only_some_pushes_have_is_hashed_and_leaves_the_others_bytes_as_they_were() -> None:
    plain = Rendered(Channel.PUSH, "en", "b", "t", link="https://x.example/")
    assert plain.content() == b"4:push2:en1:t1:b0:18:https://x.example/"
    contents = {said(WHOLE, id="1").content(), said(WHOLE.replace("4 hours", "5 hours"), id="1").content()}
    contents |= {said(WHOLE.replace("ttl: 4 hours\n", ""), id="1").content()}
    assert len(contents) == 3


def test_the_payload_is_measured_as_it_travels() -> None:
    rendered = said(WHOLE, id="1")
    told = json.loads(rendered.payload("01K0"))
    assert told == {
        "id": "01K0", "title": "Dangol Records · Your record is here", "body": "It waits for you.",
        "link": "https://dangol.example/o/1", "image": "https://dangol.example/covers/1.jpg",
        "collapse_key": "order-1",
    }  # fmt: skip
    with pytest.raises(ContentTooLong, match=r"the push has \d+ bytes; at most 4096 are sent"):
        said("title: t\nimage: https://dangol.example/{{ event.x }}.jpg\n", x="가" * 450)


def test_texts_beyond_the_limits_are_refused_unless_the_author_lets_them_be_cut() -> None:
    body, front = "{{ event.x }}", 'title: "{{ event.x }}"\n'
    with pytest.raises(ContentTooLong, match="push title"):
        said(front, body, x="가" * 600)
    rendered = said(f"{front}fit: true\n", body, x="가" * 600)
    assert columns.width(rendered.subject) <= TITLE_COLUMNS
    assert columns.width(rendered.text) <= TEXT_COLUMNS
    assert rendered.subject.endswith("가…")
    assert rendered.notes == {"cut": True}
    assert said("title: t\nfit: true\n", "short").notes == {}


def test_a_cut_never_takes_what_the_law_wants() -> None:
    made = compiled("title: t\nfit: true\n", "{{ event.x }}", Purpose.MARKETING)
    text = made.render("note", Channel.PUSH, "en", {"event": {"x": "word " * 200}}).text
    assert text.endswith("…\nQuestions: 02-000-0000 · Opt out: app settings")
    assert columns.width(text) <= TEXT_COLUMNS


@given(st.text(max_size=120), st.integers(2, 60))
def test_a_cut_fits_and_keeps_whole_what_is_seen_as_one_character(text: str, room: int) -> None:
    cut = columns.fit(text, room)
    assert columns.width(cut) <= room or cut == text
    assert cut == text or text.startswith(cut[:-1])


@pytest.mark.parametrize(
    ("text", "room", "cut"),
    [
        ("Kind of Blue", 12, "Kind of Blue"),
        ("Kind of Blue", 9, "Kind of…"),
        ("가나다라", 8, "가나다라"),
        ("가나다라", 7, "가나다…"),
        ("a👨‍👩‍👧‍👦b", 3, "a…"),
        ("a👨‍👩‍👧‍👦bcd", 4, "a👨‍👩‍👧‍👦…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
    ],
)
def test_columns_are_counted_as_screens_fill_them(text: str, room: int, cut: str) -> None:
    assert columns.fit(text, room) == cut


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("ttl: 5 weeks\n", "expected at most 4 weeks"),
        ("ttl: soon\n", "expected a number and a unit"),
        ("fit: 1\n", "expected true or false"),
        ("image: mailto:a@b.example\n", "expected a link that starts with https:// or http://; found"),
        ("image: data:image/png;base64,xx\n", "expected a link"),
        ("link: mailto:a@b.example\n", "expected a link"),
        ("link: javascript:alert(1)\n", "expected a link"),
    ],
)
def test_mistakes_in_front_matter_are_told(front: str, words: str) -> None:
    with pytest.raises(ProblemsFound, match=words):
        compiled(f"title: t\n{front}")


@pytest.mark.parametrize("key", ["link", "image"])
@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "//x.example", "mailto:a@b.example"])
def test_links_from_data_are_checked(key: str, target: str) -> None:
    with pytest.raises(RenderError, match="expected a link"):
        said(f'title: t\n{key}: "{{{{ event.x }}}}"\n', x=target)


def test_a_collapse_key_is_one_short_line() -> None:
    assert said('title: t\ncollapse_key: "{{ event.x }}"\n', x="a\r\nb").collapse_key == "a b"
    with pytest.raises(ContentTooLong, match="at most 64"):
        said('title: t\ncollapse_key: "{{ event.x }}"\n', x="a" * 65)
