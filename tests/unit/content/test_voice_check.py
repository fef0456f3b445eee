"""What is wrong with a voice is told where it stands, with what was found, what was expected and the nearest name."""

from __future__ import annotations

import pytest

from dangol.content.required import Occasion
from dangol.content.voice import PATH, read_voice
from dangol.content.voice_check import check_voice
from dangol.definitions.document import locate
from dangol.definitions.workspace import load_workspace
from dangol.jurisdictions import packs
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from tests.unit.content.workspace import BRAND, ROOT

VOICE = BRAND[PATH]
STAGES = frozenset(stage.key for stage in load_workspace(ROOT).journey_map.stages)
RULES = frozenset({"exclamation", "reading-ease", "avoided-term"})
EVERYWHERE = frozenset(Occasion(purpose, channel) for purpose in Purpose for channel in Channel)


def problems(text: str, occasions: frozenset[Occasion] = EVERYWHERE) -> list[Problem]:
    file, unread = read_voice(text, packs())
    if file is None:
        return unread
    return [*unread, *check_voice(file, occasions=occasions, stages=STAGES, rules=RULES)]


def with_(old: str, new: str, after: str = "") -> str:
    """The shipped voice with ``old`` replaced, the first time it stands behind ``after``."""
    start = VOICE.index(old, VOICE.index(after))
    return VOICE[:start] + new + VOICE[start + len(old) :]


def test_the_shipped_voice_has_no_problem() -> None:
    assert problems(VOICE) == []
    assert problems(f"{VOICE}\nrules: {{reading-ease: off, exclamation: error}}\n") == []


NAMES = [
    ("  purchase: {info", "  purchse: {info", "", "purchse:", "unknown-stage", "did you mean `purchase`?"),
    ("      after_service:", "      after_servce:", "", "after_servce", "unknown-stage",
     "did you mean `after_service`?"),
    ("      after_service:", "      aftercare:", "  en:\n", "aftercare", "unknown-stage",
     "expected `after_service`, `awareness`"),
    ("{hapsyo: [세요", "{hapsyoche: [세요", "", "hapsyoche", "unknown-speech-level", "did you mean `hapsyo`?"),
    ("ko: 들어 보지", "kr: 들어 보지", "", "kr: 들어", "unknown-locale", "expected `en` or `ko`"),
    ("    reading_ease: 60\n", "    reading_ease: 60\nrules: {exclamtion: off}\n", "", "exclamtion", "unknown-rule",
     "did you mean `exclamation`?"),
    ("    length: {email: 1200", "    reading_ease: 60\n    length: {email: 1200", "", "reading_ease: 60\n    length",
     "not-for-this-language", "remove it"),
    ("      thanks: {hapsyo", "      address: 손님\n      thanks: {hapsyo", "", "address: 손님\n", "reserved-name",
     "rename it"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "after", "at", "code", "hint"), NAMES)
def test_names_that_do_not_exist_are_told(old: str, new: str, after: str, at: str, code: str, hint: str) -> None:
    text = with_(old, new, after)
    found = [one for one in problems(text) if one.code == code]
    assert [(one.path, one.line, one.column, one.severity) for one in found] == [
        (PATH, *locate(text, text.index(at)), "error")
    ]
    assert hint in found[0].hint


def test_names_are_taken_on_trust_where_nobody_says_which_there_are() -> None:
    text = with_("  purchase: {info", "  buying: {info") + "rules: {whatever: off}\n"
    file, unread = read_voice(text, packs())
    assert file is not None
    assert unread == []
    assert check_voice(file) == []


@pytest.mark.parametrize("key", ["promise", "values"])
@pytest.mark.parametrize("locale", ["ko", "en"])
def test_promise_and_values_are_said_in_every_locale_or_in_none(key: str, locale: str) -> None:
    lines = VOICE.split("\n")
    start = lines.index(f"  {key}:")
    told = next(number for number in (start + 1, start + 2) if lines[number].startswith(f"    {locale}:"))
    [problem] = problems("\n".join(lines[:told] + lines[told + 1 :]))
    assert (problem.line, problem.column, problem.code) == (start + 1, 3, "missing-key")
    assert f"`{key}` of the brand in `{locale}`" in problem.message
    assert problems("\n".join(lines[:start] + lines[start + 3 :])) == []


def entry(say: str, avoid: str) -> str:
    return f"      - {{say: {say}, not: [{avoid}], because: x}}\n"


@pytest.mark.parametrize(
    ("locale", "say", "avoid", "at", "message"),
    [
        ("ko", "판매글", "판매글", "판매글]", "`판매글` is preferred and avoided by one entry"),
        ("en", "letterhead", "Record", "Record]", "`Record` is to be avoided here, but the glossary prefers it"),
        ("en", "chap", "member", "member]", "for `member` the glossary says both `chap` and `regular`"),
        (
            "ko",
            "고객의 소리",
            "건의함",
            "고객의",
            "the preferred `고객의 소리` contains `고객`, which is to be avoided",
        ),
        ("en", "item list", "inventory", "item list", "contains `item`, which is to be avoided for `record`"),
    ],
)
def test_a_glossary_that_contradicts_itself_is_told(locale: str, say: str, avoid: str, at: str, message: str) -> None:
    text = with_("    glossary:\n", f"    glossary:\n{entry(say, avoid)}", f"\n  {locale}:\n")
    found = [one for one in problems(text) if one.code == "contradictory-glossary"]
    assert message in " ".join(one.message for one in found)
    if "both" not in message:  # told at the second of the two
        assert (found[0].line, found[0].column) == locate(text, text.index(at))


@pytest.mark.parametrize(
    ("line", "locale"),
    [
        (entry("손님", "이용객"), "ko"),
        (entry("Shop", "boutique"), "en"),
        ("      - {say_not: 역대급, because: x}\n", "ko"),
        ("      - {say_not: Act  now, because: x}\n", "en"),
    ],
)
def test_an_entry_made_twice_is_told(line: str, locale: str) -> None:
    key = "banned" if "say_not" in line else "glossary"
    [problem] = problems(with_(f"    {key}:\n", f"    {key}:\n{line}", f"\n  {locale}:\n"))
    assert problem.code == "duplicate-entry"
    assert "twice; the first is in line" in problem.message


@pytest.mark.parametrize(
    ("old", "new", "said", "code", "hint"),
    [
        ("고맙습니다., haeyo", "역대급으로 고맙습니다., haeyo", "역대급", "banned-in-voice", "rather: 오래 들은"),
        ("All of us at Dangol", "Hurry up, from Dangol", "Hurry up", "banned-in-voice", "rather: name the day"),
        ("Opt out: app settings", "Customers opt out: app settings", "Customers", "avoided-in-voice", "say `you`"),
        ("이용하시는 서비스에", "고객님이 이용하시는 서비스에", "고객님", "avoided-in-voice", "say `손님`"),
        ("nameless: friend of the shop", "nameless: valued customer", "customer", "avoided-in-voice", "say `you`"),
        ("Dear friend of the shop,", "Dear client,", "client", "avoided-in-voice", "say `you`"),
        ("We sell no record", "We sell no vinyl", "vinyl", "avoided-in-voice", "say `record`"),
        ("rather: 오래 들은", "rather: 파격적으로 들은", "파격", "banned-in-voice", "rather: 얼마에서"),
        ("say: 재킷", "say: 국내 최고 재킷", "국내 최고", "banned-in-voice", "rather: 직접"),
    ],
)
def test_the_voice_keeps_to_its_own_words(old: str, new: str, said: str, code: str, hint: str) -> None:
    text = with_(old, new)
    [problem, *_] = [one for one in problems(text) if one.code == code]
    assert (problem.line, problem.column) == locate(text, text.index(said, text.index(new)))
    assert f"`{said}`" in problem.message
    assert problem.hint.startswith(hint)


def test_what_data_or_a_tag_says_is_not_the_brands_word() -> None:
    assert problems(with_("Hello {{ profile.given_name }},", "Hello {{ profile.customer }},")) == []


def test_a_word_inside_another_is_not_that_word() -> None:
    assert problems(with_("All of us at Dangol Records", "All of us at Dangol Records, unreserved and eventful")) == []


SHAPES = [
    ("speech_level: {email: hapsyo", "speech_level: {mail: hapsyo",
     "expected `email`, `sms` or `push`; found `mail` (did you mean `email`?)"),
    ("also_said: {hapsyo: [세요, ", "also_said: {hapsyo: [' 요', ", "expected a word or phrase on one line"),
    ("  en:\n    speech", "  en_US:\n    speech", "expected a locale such as `ko` or `en-GB`; found `en_US`"),
    ("  en:\n    speech", "  en-us:\n    speech", "expected a locale such as `ko` or `en-GB`; found `en-us`"),
    ("email: hello@dangol", "email: hello.dangol", "expected an email address; found `hello.dangol.example`"),
    ("website: https", "website: ftp", "expected an address that starts with https:// or http://"),
    ("phone: 02-000-0000", "phone: 2", "expected text; found the number 2 (put it in quotes)"),
    ("sms_sender: \"020000000\"", "sms_sender: 단골", "expected a number, or a name of 3 to 15 letters"),
    ("name: {ko: 단골레코드", "name: {ko: ''", "expected a name of 1 to 60 characters on one line"),
    ("address: {named", "address: {name", "unknown key `name` (did you mean `named`?)"),
    ("emoji: {email: 0", "emoji: {email: -1", "expected a number from 0 up; found the number -1"),
    ("emoji: {email: 0, sms", "emoji: {email: 0, sns", "expected `email`, `sms` or `push`; found `sns`"),
    ("exclamation: {email: 0", "exclamation: {email: none", "expected a whole number; found `none`"),
    ("sentence: {longest: 22", "sentence: {longest: 12", "the average of 14 is above the longest of 12"),
    ("sentence: {longest", "sentence: {longst", "unknown key `longst` (did you mean `longest`?)"),
    ("length: {email: 1200", "length: {email: 0", "expected a number from 1 up; found the number 0"),
    ("reading_ease: 60", "reading_ease: 160", "expected a number up to 100"),
    ("purchase: {information: 80%}", "purchase: {information: 80}", "expected a percentage from 0% to 100%"),
    ("purchase: {information: 80%}", "purchase: {information: 180%}", "expected a percentage from 0% to 100%"),
    ("purchase: {information: 80%}", "purchase: {informaton: 80%}", "did you mean `information`?"),
    ("app_schemes: [dangolrecords]", "app_schemes: [javascript]", "expected the scheme of an app"),
    ("app_schemes: [dangolrecords]", "app_schemes: [https]", "`https` is always allowed"),
    ("app_schemes: [dangolrecords]", "app_schemes: ['dangol:']", "expected a scheme without `:`"),
    ("say: 음반, not: [상품, 제품, 바이닐]", "say: 음반, not: []", "at least one item"),
    ("say: 음반, not:", "say: 음반, nott:", "did you mean `not`?"),
    ("{say_not: 역대급, because", "{say_not: 역대급, becuase", "did you mean `because`?"),
    ("{say_not: 역대급, ", "{", "expected the key `say_not`"),
    ("        sign_off:\n          email: 단골레코드에서", "        signoff:\n          email: 단골레코드에서",
     "unknown key `signoff` (did you mean `sign_off`?)"),
    ("thanks: {hapsyo: 고맙습니다., haeyo", "thanks: {hapsio: 고맙습니다., haeyo",
     "no form in the speech level `hapsyo`"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), SHAPES)
def test_what_has_the_wrong_shape_is_told_with_its_place(old: str, new: str, told: str) -> None:
    text = with_(old, new)
    found = problems(text)
    assert told in " ".join(map(str, found))
    first = locate(text, VOICE.index(old))[0]
    assert all(first - 1 <= one.line <= first + 3 for one in found)
    assert all(one.severity == "error" for one in found)


def test_a_stage_that_words_nothing_is_told() -> None:
    text = with_("    label: {sms", "      loyalty: {}\n    label: {sms")
    [problem] = problems(text)
    assert problem.line == locate(text, text.index("loyalty: {}"))[0]
    assert "expected `salutation` or `sign_off`" in problem.message


@pytest.mark.parametrize(("written", "read"), [("off", "off"), ("false", "off"), ("note", "note"), ("error", "error")])
def test_a_rule_has_one_of_four_severities(written: str, read: str) -> None:
    file, unread = read_voice(f"{VOICE}\nrules: {{exclamation: {written}}}\n", packs())
    assert file is not None, unread
    assert file.voice.rules == {"exclamation": read}


def test_another_severity_is_told() -> None:
    [problem] = problems(f"{VOICE}\nrules: {{exclamation: errors}}\n")
    assert "`error`, `warning`, `note` or `off`" in problem.message
    assert problem.hint == "did you mean `error`?"
