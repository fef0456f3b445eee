"""Email bodies in HTML and MJML: the same compile-once path, the same safety, a twin that reads well."""

from __future__ import annotations

from typing import Any

import pytest

from dangol.content.messages import Messages
from dangol.errors import ProblemsFound, RenderError
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel
from tests.unit.content.workspace import BRAND, compiled

FRONT = "---\nsubject: S\npreheader: P\ntitle: T\n---\n"
LINES = [{"title": "Kind of <Blue>", "count": 1}, {"title": "Pink Moon", "count": 2}]


def made(body: str, syntax: str, more: dict[str, str] | None = None) -> Messages:
    return compiled({f"templates/note/email.en.{syntax}.j2": FRONT + body, **(more or {})})


def render(body: str, syntax: str, profile: dict[str, Any] | None = None, **event: Any) -> Rendered:
    return made(body, syntax).render("note", Channel.EMAIL, "en", {"profile": profile or {}, "event": event})


def body_of(text: str) -> str:
    """The twin's middle: without greeting and closing."""
    return text.partition("\n\n")[2].partition("\n\nAll of us")[0]


HTML = """\
<p>Hello <strong>there</strong>{% if profile.vip %}, dear regular{% endif %}.
   See <a href="https://dangol.example/o/{{ event.id }}">your &amp; our order</a>.</p>
{% if profile.vip %}
<p>For regulars.</p>
{% else %}
<p>For all.</p>
{% endif %}
<table style="width:100%">
  <tbody>
  {% for one in event.lines %}
    <tr><td>{{ one.title }}</td><td style="text-align:right">{{ one.count }}</td></tr>
  {% endfor %}
  </tbody>
</table>
<ul>{% for one in event.lines %}<li>{{ one.title }}</li>{% endfor %}</ul>
<p><a href="{{ event.url }}">Look</a></p>
<p><img src="https://dangol.example/cover.png" alt="The cover of {{ event.id }}"></p>
"""
TWIN = """\
Hello there, dear regular. See your & our order (https://dangol.example/o/a%2Fb).

For regulars.

Kind of <Blue> | 1
Pink Moon | 2

- Kind of <Blue>
- Pink Moon

Look: https://dangol.example/?a=1&b=2

The cover of a/b"""


def test_an_html_body_and_its_twin() -> None:
    rendered = render(HTML, "html", {"vip": True}, id="a/b", lines=LINES, url="https://dangol.example/?a=1&b=2")
    assert body_of(rendered.text) == TWIN
    assert "Hello <strong>there</strong>, dear regular." in rendered.html
    assert 'href="https://dangol.example/o/a%2Fb"' in rendered.html
    assert 'href="https://dangol.example/?a=1&amp;b=2"' in rendered.html
    assert "Kind of &lt;Blue&gt;</td>" in rendered.html
    assert rendered.html.count("<tbody><tr><td style") >= 1
    assert 'alt="The cover of a/b"' in rendered.html
    assert "tagword" not in rendered.html + rendered.text


def test_blocks_work_in_both_parts() -> None:
    rendered = render(HTML, "html", {"vip": False}, id="1", lines=[], url="https://dangol.example/")
    assert "For all." in rendered.html
    assert "For regulars." not in rendered.html + rendered.text
    assert "Hello there. See" in rendered.text


MJML = """\
<mj-text><p>Hello {{ profile.given_name }}</p></mj-text>
{% if profile.vip %}
<mj-button href="{{ event.url }}">See it</mj-button>
{% endif %}
<mj-image src="https://dangol.example/cover.png" alt="The cover" width="200px" />
<mj-table>
  <tbody>
    {% for one in event.lines %}<tr><td>{{ one.title }}</td><td>{{ one.count }}</td></tr>{% endfor %}
  </tbody>
</mj-table>
<mj-spacer height="10px" />
"""


def test_an_mjml_body_stands_between_greeting_and_sign_off() -> None:
    rendered = render(MJML, "mjml", {"given_name": "Hana", "vip": True}, url="https://dangol.example/x", lines=LINES)
    twin = "Hello Hana\n\nSee it: https://dangol.example/x\n\nThe cover\n\nKind of <Blue> | 1\nPink Moon | 2"
    assert body_of(rendered.text) == twin
    order = [rendered.html.index(part) for part in ("Hello Hana,", "See it", "cover.png", "Kind of", "All of us")]
    assert order == sorted(order)
    assert 'href="https://dangol.example/x"' in rendered.html
    assert "<mj-" not in rendered.html
    assert rendered.html.count('class="letter"') == 3  # greeting, text and table: dark mode is for all of them


def test_blocks_around_components_work() -> None:
    rendered = render(MJML, "mjml", {"given_name": "<b>", "vip": False}, lines=[])
    assert "See it" not in rendered.html + rendered.text
    assert "Hello &lt;b&gt;" in rendered.html


@pytest.mark.parametrize(
    ("body", "code", "words", "line"),
    [
        ("<p>x</p>\n<script>alert(1)</script>", "unsafe-html", "`<script>` cannot stand", 7),
        ("<iframe src='https://x.example'></iframe>", "unsafe-html", "`<iframe>`", 6),
        ("<form action='https://x.example'></form>", "unsafe-html", "`<form>`", 6),
        ("<style>p{}</style>", "unsafe-html", "`<style>`", 6),
        ("<h1>x</h1>", "unsafe-html", "the layout has the email's heading", 6),
        ("<p onclick='x()'>x</p>", "unsafe-html", "the attribute `onclick`", 6),
        ("<p style='background:url(https://x.example/t.gif)'>x</p>", "unsafe-html", "would load something", 6),
        ("<p style='color:{{ profile.name }}'>x</p>", "unsafe-attribute", "in the attribute `style`", 6),
        ("<p class='{% if profile.vip %}a{% endif %}'>x</p>", "unsafe-attribute", "in the attribute `class`", 6),
        ("<a href='javascript:alert(1)'>x</a>", "bad-link", "expected a link", 6),
        ("<a href='&#106;avascript:alert(1)'>x</a>", "bad-link", "expected a link", 6),
        ("<a href=' data:text/html,x'>x</a>", "bad-link", "expected a link", 6),
        ("<img src='mailto:a@b.example' alt=''>", "bad-link", "https:// or http://; found", 6),
        ("<p>a\n<b>b</p></b>", "bad-html", "`</p>` closes nothing here; `<b>` is open", 7),
        ("<p>a", "bad-html", "`<p>` is never closed", 6),
        ("</p>", "bad-html", "nothing is open", 6),
        ("<p/>", "bad-html", "`<p/>` cannot be empty", 6),
        ("<table><tr><td>x</td></tr></table>", "bad-html", "put the rows into `<tbody>`", 6),
        ("<table><tbody>x</tbody></table>", "bad-html", "directly inside `<tbody>`", 6),
        ("<mj-text>x</mj-text>", "unsafe-html", "this body is HTML", 6),
        ("<!DOCTYPE html>", "unsafe-html", "`<!DOCTYPE html>`", 6),
        ("<b>{% if profile.vip %}x</b>{% endif %}", "crossed-block", "begins inside one element", 6),
        ("<p>{{ profile.nme.x.y( }}</p>", "template-syntax", "", 6),
    ],
)
def test_what_cannot_stand_in_a_body_is_told_with_its_place(body: str, code: str, words: str, line: int) -> None:
    with pytest.raises(ProblemsFound) as found:
        made(body, "html")
    told = [problem for problem in found.value.problems if problem.code == code]
    assert [problem for problem in told if words in str(problem) and problem.line == line], str(found.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<p>x</p>", "`<p>` stands outside of a component"),
        ("x", "text stands outside of a component"),
        ("<mj-section><mj-text>x</mj-text></mj-section>", "`<mj-section>` cannot stand in a body"),
        ("<mj-buton href='https://x.example'>x</mj-buton>", "did you mean `mj-button`"),
        ("<mj-text><mj-text>x</mj-text></mj-text>", "cannot stand inside `<mj-text>`"),
        ("<mj-image src='javascript:x' />", "expected a link"),
        ("<mj-spacer height='{{ event.x }}' />", "in the attribute `height`"),
        ("<mj-raw><script>x</script></mj-raw>", "`<mj-raw>` cannot stand"),
        ("<mj-include path='/etc/passwd' />", "cannot"),
    ],
)
def test_what_cannot_stand_in_an_mjml_body_is_told(body: str, words: str) -> None:
    with pytest.raises(ProblemsFound) as found:
        made(body, "mjml")
    assert words in str(found.value)


def test_an_mjml_body_needs_a_text_of_the_layout_to_stand_in_for() -> None:
    layout = "templates/brand/email.mjml.j2"
    raw = BRAND[layout].replace(
        '<mj-text css-class="letter"><p>{{ greeting }}</p>\n          {{ body }}</mj-text>',
        "<mj-text>{{ greeting }}</mj-text><mj-raw>{{ body }}</mj-raw>",
    )
    with pytest.raises(ProblemsFound, match="to stand in an `<mj-text>` of the layout"):
        made("<mj-text>x</mj-text>", "mjml", {layout: raw})


def test_two_syntaxes_for_one_text_are_a_problem() -> None:
    with pytest.raises(ProblemsFound, match="is the same text in another syntax"):
        made("<p>x</p>", "html", {"templates/note/email.en.md.j2": FRONT + "x"})


def test_links_from_data_are_checked_as_in_markdown() -> None:
    with pytest.raises(RenderError, match="expected a link"):
        render('<p><a href="{{ event.url }}">x</a></p>', "html", url="javascript:alert(1)")
    with pytest.raises(RenderError, match="expected a link that starts with https:// or http://"):
        render('<p><img src="{{ event.url }}" alt=""></p>', "html", url="mailto:a@b.example")
