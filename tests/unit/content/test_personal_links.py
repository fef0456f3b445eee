"""``links.…`` in texts: pages for the one who reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dangol.consent.links import Links
from dangol.content.check import check_messages
from dangol.editor.samples import LINKS_SHOWN
from dangol.errors import RenderError
from dangol.model.duty import LINKS
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.content.workspace import BRAND, compiled, message

PLAN = TrackingPlan.model_validate(
    {"attributes": {"name": "string", "given_name": "string"}, "events": {"Consent Requested": {}, "Order": {}}}
)
URL = "https://letters.example/p/abc"


def check(body: str, *, event: str | None = "Order", channel: str = "email", voice: str = "") -> list[Problem]:
    sources = {**BRAND, **message(body, channel=channel)}
    if voice:
        sources["templates/brand/voice.yaml"] = voice
    sends = [("note", Purpose.MARKETING, (Channel(channel),), event)]
    return check_messages(sources, sends=sends, plan=PLAN, default_locale="en")


@pytest.mark.parametrize(
    ("channel", "body"),
    [
        ("email", "[Choose]({{ links.preferences }})"),
        ("sms", "Choose: {{ links.preferences }}"),
        ("push", "Choose: {{ links.preferences }}"),
    ],
)
def test_a_text_holds_the_link_on_every_channel(channel: str, body: str) -> None:
    assert check(body, channel=channel) == []
    messages = compiled(message(body, channel=channel))
    assert ("links", "preferences") in messages.variables("note", Channel(channel), "en")
    rendered = messages.render("note", Channel(channel), "en", {"links": {"preferences": URL}})
    assert URL in rendered.text
    assert channel != "email" or f'href="{URL}"' in rendered.html


def test_a_push_may_lead_there() -> None:
    text = {"templates/note/push.en.txt.j2": "---\ntitle: T\nlink: '{{ links.preferences }}'\n---\nChoose."}
    rendered = compiled(text).render("note", Channel.PUSH, "en", {"links": {"preferences": URL}})
    assert rendered.link == URL


def test_an_unknown_link_is_told_with_its_place_and_the_nearest_name() -> None:
    [problem] = check("Hello,\n\n[Choose]({{ links.preference }})")
    assert (problem.line, problem.column, problem.code) == (8, 19, "unknown-link")
    assert problem.hint == "did you mean `preferences`?"
    [problem] = check("{{ links.home }}")
    assert problem.hint == "expected `confirm`, `keep`, `preferences` or `unsubscribe`"


def test_only_what_was_requested_can_be_confirmed() -> None:
    assert check("[Confirm]({{ links.confirm }})", event="Consent Requested") == []
    for event in ("Order", None):
        [problem] = check("[Confirm]({{ links.confirm }})", event=event)
        assert problem.code == "unknown-link"
        assert "`Consent Requested`" in problem.message


def test_links_alone_are_no_text() -> None:
    [problem] = check("{{ links }}")
    assert problem.code == "not-a-text"


def test_the_opt_out_of_the_voice_may_use_them() -> None:
    voice = BRAND["templates/brand/voice.yaml"]
    written = voice.replace("mailto:{{ brand.unsubscribe }}?subject=unsubscribe", "{{ links.unsubscribe }}")
    assert check("Hello.", voice=written) == []
    problems = check("Hello.", voice=written.replace("links.unsubscribe", "links.unsubscribed"))
    assert {(one.path, one.code) for one in problems} == {("templates/brand/voice.yaml", "unknown-link")}
    made = compiled({**message("Hello."), "templates/brand/voice.yaml": written}, purpose=Purpose.MARKETING)
    assert f'href="{URL}"' in made.render("note", Channel.EMAIL, "en", {"links": {"unsubscribe": URL}}).html


@pytest.mark.parametrize("name", sorted(LINKS))
def test_a_link_that_cannot_be_made_says_what_it_takes(name: str) -> None:
    made = compiled(message(f"[Here]({{{{ links.{name} }}}})"))
    with pytest.raises(
        RenderError, match=rf"note/email.en.md.j2:6: `links.{name}` cannot be made: .*DANGOL_PUBLIC_URL"
    ):
        made.render("note", Channel.EMAIL, "en", {"profile": {}, "event": {}})


def test_samples_have_links_as_long_as_real_ones() -> None:
    assert LINKS_SHOWN.keys() == LINKS
    real = Links([b"s"], "https://dangol.example").preferences("0" * 26, datetime(2026, 12, 1, tzinfo=UTC))
    assert abs(len(LINKS_SHOWN["preferences"]) - len(real or "")) <= 1
