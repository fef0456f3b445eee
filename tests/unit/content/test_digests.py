"""``digest.…`` in texts: what a digest may say of the messages that it holds."""

from __future__ import annotations

import pytest

from dangol.content.check import check_messages
from dangol.content.digests import first_link
from dangol.errors import RenderError
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.content.workspace import BRAND, compiled, message

PLAN = TrackingPlan.model_validate(
    {"attributes": {"name": "string", "given_name": "string"}, "events": {"Order": {"order_id": "string"}}}
)
BODY = """\
{% for item in digest.items %}
**{{ item.subject }}** {{ item.preheader }}

{% if item.link is present %}
[Read more]({{ item.link }})
{% endif %}
{% endfor %}

That makes {{ digest.count }}.
"""
ITEMS = [
    {
        "subject": "<b>Blue</b> [x](https://evil.example)",
        "preheader": "Q & A",
        "link": "https://shop.example/a?b=1&c=2",
    },
    {"subject": "Green", "preheader": "P", "link": ""},
]
TOLD = {"digest": {"items": ITEMS, "count": 2}}


def check(body: str, *, digests: tuple[str, ...] = ("note",), event: str | None = None) -> list[Problem]:
    sends = [("note", Purpose.MARKETING, (Channel.EMAIL,), event)]
    return check_messages({**BRAND, **message(body)}, sends=sends, plan=PLAN, default_locale="en", digest_texts=digests)


def test_a_digest_tells_each_of_its_messages() -> None:
    assert check(BODY) == []
    text = compiled(message(BODY)).render("note", Channel.EMAIL, "en", TOLD).text
    assert "Q & A\n\nRead more: https://shop.example/a?b=1&c=2\n\nGreen P\n\nThat makes 2." in text


def test_what_it_tells_is_data_and_never_mark_up() -> None:
    html = compiled(message(BODY)).render("note", Channel.EMAIL, "en", TOLD).html
    assert "&lt;b&gt;Blue&lt;/b&gt; [x](https://evil.example)" in html
    assert 'href="https://shop.example/a?b=1&amp;c=2"' in html
    assert 'href="https://evil.example"' not in html


def test_what_leads_nowhere_safe_is_no_link() -> None:
    evil = {"digest": {"items": [{**ITEMS[1], "link": "javascript:alert(1)"}], "count": 1}}
    with pytest.raises(RenderError):
        compiled(message(BODY)).render("note", Channel.EMAIL, "en", evil)


@pytest.mark.parametrize(
    ("body", "column", "hint"),
    [
        ("{{ digest.item }}", 11, "did you mean `items`?"),
        ("{% for one in digest.items %}\n{{ one.subjct }}\n{% endfor %}", 8, "did you mean `subject`?"),
        (
            "{% for one in digest.items %}\n{{ one['html'] }}\n{% endfor %}",
            9,
            "expected `link`, `preheader` or `subject`",
        ),
        ("{{ event.order_id }}", 10, "say it in the subject or the preheader of the messages themselves"),
    ],
)
def test_what_no_digest_has_is_told(body: str, column: int, hint: str) -> None:
    [problem] = check(body)
    assert (problem.code, problem.column, problem.hint) == ("unknown-fact", column, hint)


def test_a_list_is_no_text() -> None:
    assert [one.code for one in check("{{ digest.items }}")] == ["wrong-kind"]
    assert [one.code for one in check("{{ digest }}")] == ["not-a-text"]


def test_other_texts_have_no_digest() -> None:
    [problem] = check("{{ digest.count }}", digests=(), event="Order")
    assert (problem.code, problem.line) == ("unknown-fact", 6)
    assert "is the text of no digest" in problem.message
    assert "digests: {weekly: {template: note" in problem.hint


def test_a_message_is_told_by_its_subject_without_label_its_preheader_and_its_first_link() -> None:
    text = {
        "templates/note/email.en.md.j2": "---\nsubject: New, {{ profile.name }}\npreheader: 'For {{ profile.name }}'\n"
        "title: T\n---\nWrite to [us](mailto:us@dangol.example).\n\n[Look](https://shop.example/new)\n"
    }
    messages = compiled(text)
    context = {"profile": {"name": "Kim"}}
    rendered = messages.render("note", Channel.EMAIL, "en", context, jurisdictions=["KR"])
    assert messages.item("note", "en", context, rendered) == {
        "subject": "New, Kim",
        "preheader": "For Kim",
        "link": "https://shop.example/new",
    }


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("See it: https://shop.example/a.", "https://shop.example/a"),
        ("It (https://shop.example/a) is, and https://shop.example/b", "https://shop.example/a"),
        ("Nothing here.\n\n-- \nUs · https://dangol.example", ""),
        ("mailto:us@dangol.example", ""),
        ("", ""),
    ],
)
def test_the_first_link_is_the_messages_own(text: str, link: str) -> None:
    assert first_link(text) == link
