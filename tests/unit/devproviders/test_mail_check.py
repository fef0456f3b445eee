"""SendGrid's own findings about a request."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sendgrid.helpers.mail import Content, CustomArg, From, Header, Mail, Personalization, Subject, To

from dangol.devproviders.mail_check import mistakes


def mail(**changes: Any) -> dict[str, Any]:
    whole = {
        "personalizations": [{"to": [{"email": "anna@example.com"}], "custom_args": {"dangol_message_id": "m-1"}}],
        "from": {"email": "shop@example.com"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def test_what_the_library_builds_is_right() -> None:
    built = Mail(from_email=From("shop@example.com", "Shop"), subject=Subject("Hello"))
    person = Personalization()
    person.add_to(To("anna@example.com", "Anna"))
    person.add_custom_arg(CustomArg("dangol_message_id", "m-1"))
    person.add_header(Header("List-Unsubscribe", "<https://example.com/>"))
    built.add_personalization(person)
    built.add_content(Content("text/plain", "Hello"))
    built.add_content(Content("text/html", "<p>Hello</p>"))
    assert mistakes(built.get()) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"personalizations": ...}, "personalizations"),
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "nobody"}]}]}, "personalizations.0.to.0.email"),
        ({"personalizations": [{"to": [{"email": "a@x.com"}, {"email": "A@x.com"}]}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "a@x.com"}], "tos": 1}]}, "personalizations.0.tos"),
        ({"personalizations": [{"to": [{"email": f"{n}@x.com"}]} for n in range(1001)]}, "personalizations"),
        (
            {"personalizations": [{"to": [{"email": "a@x.com"}], "custom_args": {"n": 1}}]},
            "personalizations.0.custom_args.n",
        ),
        ({"custom_args": {"n": "x" * 10_001}}, "custom_args"),
        ({"from": ...}, "from.email"),
        ({"from": {"email": "shop"}}, "from.email"),
        ({"reply_to": {"email": "shop"}}, "reply_to.email"),
        ({"subject": ...}, "subject"),
        ({"subject": ""}, "subject"),
        ({"content": ...}, "content"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": [{"type": "text/html", "value": "a"}, {"type": "text/plain", "value": "b"}]}, "content"),
        ({"headers": {"Subject": "x"}}, "headers.Subject"),
        ({"categories": [str(number) for number in range(11)]}, "categories"),
        ({"send_at": int(time.time()) + 80 * 3600}, "send_at"),
        ({"text": "Hello"}, "text"),
    ],
)
def test_a_mistake_is_found_in_its_field(changes: dict[str, Any], field: str) -> None:
    assert [found[1] for found in mistakes(mail(**changes))] == [field]


def test_a_template_stands_in_for_subject_and_content() -> None:
    assert mistakes(mail(template_id="d-1", subject=..., content=...)) == []


def test_subjects_of_all_personalizations_stand_in_for_one() -> None:
    people = [{"to": [{"email": f"{number}@example.com"}], "subject": "Hello"} for number in range(2)]
    assert mistakes(mail(personalizations=people, subject=...)) == []


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes({})) == 4


def test_what_is_no_object_is_a_bad_request() -> None:
    assert mistakes([]) == [("Bad Request", None, None)]
