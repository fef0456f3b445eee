"""An exception says which rule, where and why; what it does not need any more is told."""

from __future__ import annotations

from dangol.editor.model import Send
from dangol.editor.review import Review, review
from dangol.editor.waivers import read_waivers
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.unit.editor.desk import brand_sources

PATH = "templates/case/sms.en.txt.j2"


def reviewed(text: str, path: str = PATH, voice: str | None = None) -> Review:
    sends = [Send("case", Purpose.SERVICE, (Channel.SMS, Channel.EMAIL))]
    return review({**brand_sources(voice), path: text}, sends=sends, plan=TrackingPlan(), default_locale="en")


def codes(text: str, path: str = PATH) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in reviewed(text, path).problems if problem.path == path]


def test_a_waiver_covers_the_next_line_with_text() -> None:
    waived = "Hello.\n{# voice: allow exclamation because it is a birthday #}\n\nMany happy returns!\n"
    assert codes("Hello.\nMany happy returns!\n") == [(2, "exclamation")]
    assert codes(waived) == []


def test_a_waiver_on_the_line_itself_covers_that_line() -> None:
    assert codes("Hello.\nMany happy returns! {# voice: allow exclamation because it is a birthday #}\n") == []
    assert codes("Hello.\n{# voice: allow exclamation because it is a birthday #}Many happy returns!\n") == []


def test_a_waiver_in_the_first_line_covers_the_file() -> None:
    first = "{# voice: allow cliche, exclamation because we quote a poster #}\n"
    assert codes(f"{first}Hello.\nDo not hesitate.\nMany happy returns!\n") == []


def test_a_waiver_after_the_front_matter_covers_the_file_front_matter_included() -> None:
    path = "templates/case/email.en.md.j2"
    front = "---\nsubject: Many happy returns!\npreheader: It is the day.\ntitle: A happy day\n---\n"
    body = "The day is here.\n\n[See the shop](https://dangol.example)\n"
    assert codes(front + body, path) == [(2, "exclamation")]
    waiver = "{# voice: allow exclamation because it is a birthday #}\n"
    assert codes(front + waiver + body, path) == []


def test_a_yaml_comment_in_the_front_matter_covers_the_next_line() -> None:
    path = "templates/case/email.en.md.j2"
    front = "---\n# voice: allow exclamation because it is a birthday\nsubject: Many happy returns!\n"
    rest = (
        "preheader: It is the day.\ntitle: A happy day\n---\nThe day is here.\n\n[See](https://dangol.example/shop)\n"
    )
    assert (3, "exclamation") not in codes(front + rest, path)


def test_a_waiver_covers_no_other_rule_and_no_other_line() -> None:
    waiver = "{# voice: allow emoji because it is a birthday #}\n"
    assert codes(f"Hello.\n{waiver}Many happy returns!\n") == [(2, "unused-waiver"), (3, "exclamation")]
    far = "Hello.\n{# voice: allow exclamation because it is a birthday #}\nThank you.\nMany happy returns!\n"
    assert codes(far) == [(2, "unused-waiver"), (4, "exclamation")]


def test_a_waiver_without_a_reason_covers_nothing() -> None:
    assert codes("Hello.\n{# voice: allow exclamation #}\nMany happy returns!\n") == [
        (2, "waiver-without-reason"),
        (3, "exclamation"),
    ]


def test_a_waiver_for_an_unknown_rule_is_told_with_the_nearest_one() -> None:
    text = "Hello.\n{# voice: allow exclamations because it is a birthday #}\nThank you.\n"
    found = [problem for problem in reviewed(text).problems if problem.path == PATH]
    assert [(one.code, one.hint) for one in found] == [("unknown-rule", "did you mean `exclamation`?")]


def test_waivers_are_listed_with_place_rules_and_reason() -> None:
    text = "Hello.\n\n  {# voice: allow cliche, emoji because we quote\n  a poster #}\nDo not hesitate.\n"
    (waiver,) = read_waivers(PATH, text)
    assert (waiver.line, waiver.column, waiver.rules, waiver.reason) == (3, 3, ("cliche", "emoji"), "we quote a poster")
    assert (waiver.first, waiver.whole) == (5, False)
    assert reviewed(text).waivers == (waiver,)


def test_a_waiver_in_the_voice_covers_what_the_voice_says() -> None:
    voice = brand_sources()["templates/brand/voice.yaml"]
    loud = voice.replace("      thanks: Thank you.\n", "      thanks: Thank you!\n")
    waived = voice.replace(
        "      thanks: Thank you.\n",
        "      # voice: allow exclamation because the founder always said it so\n      thanks: Thank you!\n",
    )
    assert [one.code for one in reviewed("{{ voice.thanks }}\n", voice=loud).problems] == ["exclamation"]
    assert [one.code for one in reviewed("{{ voice.thanks }}\n", voice=waived).problems] == []
