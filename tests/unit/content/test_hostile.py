"""Data and templates that try to run away, to break out or to smuggle something in: what stops them, and how soon."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default as default_policy
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.content.messages import Messages
from dangol.content.sandbox import MAX_CHARACTERS, MAX_STEPS
from dangol.delivery.providers.mime import Unsendable, compose
from dangol.errors import ContentTooLong, ProblemsFound, RenderError
from dangol.model.message import Envelope, Rendered
from dangol.model.vocabulary import Channel
from tests.unit.content.workspace import compiled, message, render

SECONDS = 3
"""Far more than any of these takes, and far less than what they try would take."""

TWICE = "{% for a in event.l %}{% for b in event.l %}"
END = "{% endfor %}{% endfor %}"
L = list(range(69))
"""69 × 69 turns are just below what a message may take."""
MANY = [f"item {number}" for number in range(60_000)]

RUNAWAYS: list[tuple[str, dict[str, Any]]] = [
    (f"{TWICE}{{% for c in event.l %}}x{{% endfor %}}{END}", {"l": list(range(1000))}),
    ("{% for a in event.l if a == 'none' %}{{ a }}{% endfor %}", {"l": MANY * 10}),
    (f"{TWICE}{{% for c in event.many if c == 'none' %}}{{{{ c }}}}{{% endfor %}}{END}", {"l": L, "many": MANY}),
    (f"{TWICE}{{% if 'none' in event.many %}}x{{% endif %}}{END}", {"l": L, "many": MANY}),
    (f"{TWICE}{{% if event.many == event.more %}}{{% endif %}}{END}", {"l": L, "many": MANY, "more": list(MANY)}),
    ("{% if event.a == event.b %}x{% endif %}", {"a": [MANY], "b": [list(MANY)]}),
    (f"{TWICE}{{% set x = event.many | join %}}{END}", {"l": L, "many": list(range(1000))}),
    (f"{TWICE}{{% set x = event.t | upper %}}{END}", {"l": L, "t": "가" * 9_999}),
    (f"{TWICE}{{% set x = event.t | truncate(5) %}}{END}", {"l": L, "t": "e\u0301" * 4_999}),
    (f"{TWICE}{{% set x = (event.t ~ b) | josa('은') %}}{END}", {"l": L, "t": "(" * 9_990}),
    (f"{TWICE}{{{{ event.t }}}}{END}", {"l": L, "t": "<" * 9_999}),
    (f"{TWICE}{{% if event.t == event.u %}}{{% endif %}}{END}", {"l": L, "t": "x" * 400_000, "u": "x" * 400_000}),
    ("{{ event.t }}", {"t": "x" * 10_000_000}),
    ("{{ event.t | number }}", {"t": "9" * 1_000_000}),
    ("{{ event.t | date }}", {"t": "2" * 1_000_000}),
    ("{{ '2026-01-01T00:00:00+00:00' | date(timezone=event.t) }}", {"t": "A/" * 500_000}),
    ("[x](https://x.example/{{ event.t }})", {"t": "가" * 10_001}),
]


@pytest.mark.parametrize(("body", "event"), RUNAWAYS)
def test_work_is_bounded_whatever_the_data_holds(body: str, event: dict[str, Any]) -> None:
    made = compiled(message(body))
    began = time.perf_counter()
    with pytest.raises(RenderError):
        made.render("note", Channel.EMAIL, "en", {"event": event})
    assert time.perf_counter() - began < SECONDS


def test_what_is_never_larger_than_a_message_may_be() -> None:
    body = "{% for a in event.l %}{{ event.t }}{% endfor %}"
    with pytest.raises(RenderError, match=f"grew beyond {MAX_CHARACTERS:,} characters"):
        render(body, event={"l": list(range(200)), "t": "<" * 9_999})


def test_long_but_honest_messages_are_sent() -> None:
    lines = [{"title": f"Record {number}", "tags": ["a", "b"]} for number in range(400)]
    body = (
        "{% for one in event.lines if one.title != 'x' %}\n{{ loop.index }}. {{ one.title | upper }}"
        " {{ one.tags | join(', ') }}{% if 'a' in one.tags %} a{% endif %}\n\n{% endfor %}"
    )
    assert "400. RECORD 400" not in render(body, event={"lines": lines}).text
    assert "400. RECORD 399 a, b a" in render(body, event={"lines": lines}).text
    assert len(lines) * 2 < MAX_STEPS


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__ }}", "{{ profile.name.__class__ }}", "{{ profile['__class__'] }}", "{{ profile._name }}",
        "{{ event.x.y._z }}", "{{ loop.__init__ }}", "{{ profile.name | attr('__class__') }}", "{{ [].append }}",
        "{{ 'a'.format }}{{ 'a'.format() }}", "{{ '{0.__class__}' | format(1) }}", "{{ range(10**9) }}",
        "{% for x in range(10) %}{% endfor %}", "{{ lipsum() }}", "{{ dict() }}", "{{ namespace() }}",
        "{{ request }}", "{{ config }}", "{{ self._TemplateReference__context }}", "{{ 2 ** 64 }}",
        "{% set _x = 1 %}", "{{ _budget.steps }}", "{{ 1 | _spend }}", "{% do 1 %}", "{{ profile | map('x') }}",
        "{{ event[event.key] }}", "{{ joiner() }}", "{{ caller() }}", "{% filter upper %}x{% endfilter %}",
    ],
)  # fmt: skip
def test_there_is_nothing_to_reach_for(body: str) -> None:
    with pytest.raises((ProblemsFound, RenderError)):
        render(body, event={"x": {"y": {}}, "key": "__class__"})


def test_data_named_like_python_is_only_data() -> None:
    event = {"items": "one", "keys": "two", "format": "three", "get": "four"}
    body = "{{ event.items }} {{ event.keys }} {{ event.format }} {{ event.get }}"
    assert "one two three four" in render(body, event=event).text
    with pytest.raises(RenderError, match="is missing"):
        render("{{ event.items }}", event={})


SCRIPTS = [
    "<script>alert(1)</script>", "</title><script>alert(1)</script>", "</style><img src=x onerror=alert(1)>",
    "--><svg onload=alert(1)>", "]]><script>", '" onmouseover="alert(1)', "' onmouseover='alert(1)", "`onload=x`",
    "&lt;script&gt;", "&#60;script&#62;", "\x00<script>", "<\x00script>", "＜script＞", "<scr\u00adipt>",
    "{{ 7*7 }}", "{% raw %}", "\ue000 x \ue001", "<mj-raw>", "[x](javascript:alert(1))", "![x](data:text/html,x)",
]  # fmt: skip
EVERYWHERE = (
    '---\nsubject: "A {{ profile.name }}"\npreheader: "B {{ profile.name }}"\ntitle: "C {{ profile.name }}"\n---\n'
)
BODIES = {
    "md": "D {{ profile.name }} **E {{ profile.name }}** ![F {{ profile.name }}](https://x.example/{{ profile.name }})"
    "\n\n- G {{ profile.name }}\n\n[H {{ profile.name }}](https://x.example/?q={{ profile.name }})",
    "html": "<p title='D {{ profile.name }}'>E {{ profile.name }}</p><table><tbody><tr>"
    "<td>F {{ profile.name }}</td></tr></tbody></table>"
    "<img src='https://x.example/{{ profile.name }}' alt='G {{ profile.name }}'>"
    "<p><a href='https://x.example/?q={{ profile.name }}'>H {{ profile.name }}</a></p>",
    "mjml": "<mj-text>D {{ profile.name }}</mj-text><mj-button href='https://x.example/?q={{ profile.name }}'>"
    "E {{ profile.name }}</mj-button>"
    "<mj-image src='https://x.example/{{ profile.name }}' alt='F {{ profile.name }}' />",
}


class Seen(HTMLParser):
    """The elements of a page, and the attributes of each: what a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.targets: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.targets += [value or "" for name, value in attrs if name in {"href", "src"}]


def everywhere(syntax: str) -> Messages:
    return compiled({f"templates/note/email.en.{syntax}.j2": EVERYWHERE + BODIES[syntax]})


MADE = {syntax: everywhere(syntax) for syntax in BODIES}


def said(syntax: str, name: str) -> Rendered:
    profile = {"name": name, "given_name": name}
    return MADE[syntax].render("note", Channel.EMAIL, "en", {"profile": profile})


PLAIN = {syntax: Seen(said(syntax, "x").html).elements for syntax in BODIES}


@pytest.mark.parametrize("syntax", BODIES)
@pytest.mark.parametrize("name", SCRIPTS)
def test_no_name_becomes_mark_up_anywhere(syntax: str, name: str) -> None:
    seen = Seen(said(syntax, name).html)
    assert seen.elements == PLAIN[syntax]
    assert all(re.match(r"(https://|tel:|mailto:)", target) for target in seen.targets)


@given(st.text(st.sampled_from("<>\"'`&;=/!-[](){}% abc가\x00\n\u2028"), min_size=1, max_size=60))
def test_no_text_becomes_mark_up_anywhere(name: str) -> None:
    for syntax in BODIES:
        assert Seen(said(syntax, f"x{name}x").html).elements == PLAIN[syntax]


FORGERIES = ["x\r\nBcc: all@evil.example", "x\nSubject: y", "x\r\rX: y", "x\u2028Bcc: y", "x\x0bBcc: y", "x\x85Bcc: y"]


@pytest.mark.parametrize("name", FORGERIES)
def test_no_name_becomes_a_header(name: str) -> None:
    rendered = said("md", name)
    envelope = Envelope("01K", Channel.EMAIL, "a@b.example", f"{name} <hello@dangol.example>", rendered)
    with pytest.raises(Unsendable):
        compose(envelope, datetime(2026, 3, 2, tzinfo=UTC))
    good = Envelope("01K", Channel.EMAIL, "a@b.example", "Dangol <hello@dangol.example>", rendered)
    raw = compose(good, datetime(2026, 3, 2, tzinfo=UTC)).message
    parsed = message_from_bytes(raw, policy=default_policy)
    assert parsed["Bcc"] is None
    assert len(parsed.get_all("Subject", [])) == 1
    assert "\n" not in str(parsed["Subject"])


TARGETS = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
    "vbscript:x", "file:///etc/passwd", "//evil.example", "https:evil.example", "https://", "\x01javascript:x",
    "ｊavascript:x", "intent://x", "blob:https://x", "ftp://x.example", "https://x.example/ y", 'https://x.example/"x',
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("syntax", "body"),
    [
        ("md", "[x]({{ event.url }})"),
        ("md", "![x]({{ event.url }})"),
        ("html", "<p><a href='{{ event.url }}'>x</a></p>"),
        ("html", "<p><img src='{{ event.url }}' alt='x'></p>"),
        ("mjml", "<mj-button href='{{ event.url }}'>x</mj-button>"),
        ("mjml", "<mj-image src='{{ event.url }}' alt='x' />"),
    ],
)
def test_no_link_from_data_leads_elsewhere_than_the_web(syntax: str, body: str, target: str) -> None:
    front = "---\nsubject: S\npreheader: P\ntitle: T\n---\n"
    made = compiled({f"templates/note/email.en.{syntax}.j2": front + body})
    try:
        rendered = made.render("note", Channel.EMAIL, "en", {"event": {"url": target}})
    except RenderError:
        return
    assert target.strip() != target or target.startswith("\x01")  # cleaned first, and then a link or refused
    assert all(re.match(r"(https?://|tel:|mailto:)", one) for one in Seen(rendered.html).targets)


@pytest.mark.parametrize("target", [target for target in TARGETS if not target.startswith("https://x.example")])
def test_no_link_that_an_author_writes_leads_elsewhere_than_the_web(target: str) -> None:
    front = "---\nsubject: S\npreheader: P\ntitle: T\n---\n"
    with pytest.raises(ProblemsFound, match="expected a link"):
        compiled({"templates/note/email.en.html.j2": f"{front}<p><a href='{target}'>x</a></p>"})


@pytest.mark.parametrize("trick", ["\u202e", "\u202d", "\u2066", "\u2067", "\u2069", "\u202a"])
@pytest.mark.parametrize("channel", ["email", "sms", "push"])
def test_no_name_turns_the_text_around(trick: str, channel: str) -> None:
    rendered = render("For {{ profile.name }}.", {"name": f"a{trick}b"}, channel=channel)
    assert trick not in rendered.subject + rendered.text + rendered.html
    assert "For ab." in rendered.text


def test_a_name_as_long_as_a_book_is_refused_in_words() -> None:
    for channel in ("sms", "push"):
        with pytest.raises((RenderError, ContentTooLong)):
            render("{{ profile.name }}", {"name": "x" * 100_000}, channel=channel)
