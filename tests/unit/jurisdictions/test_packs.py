"""Packs are data with sources; what is wrong in one is told with its place."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from dangol.errors import ProblemsFound
from dangol.jurisdictions import packs, parse_packs, serving
from dangol.model.jurisdiction import (
    DEFAULT,
    ConsentRule,
    OutcomeNoticeRule,
    Period,
    QuietRule,
    ReconfirmRule,
    SayRule,
    parse_period,
)
from dangol.model.vocabulary import Basis, Channel, Purpose

MARKETING = Purpose.MARKETING


def test_the_packs_are_read_once_and_cover_the_promised_places() -> None:
    assert packs() is packs()
    assert {"KR", "US", "EU", "DE", "GB", "CA", DEFAULT, "US-FL", "US-TX"} <= packs().keys()
    assert packs()["DE"].includes == ("EU",)
    assert packs()["US-FL"].includes == ("US",)


def test_every_rule_names_its_source_mark_and_both_languages() -> None:
    for pack in packs().values():
        for rule in pack.rules:
            assert rule.id.startswith(f"{pack.code}-")
            assert rule.source
            assert rule.mark in {"V", "v", "R", "R-med"}
            assert any("가" <= letter <= "힣" for letter in rule.says.ko), rule.id


@pytest.mark.parametrize("channel", list(Channel))
def test_every_place_says_which_consents_count_for_marketing(channel: Channel) -> None:
    for pack in packs().values():
        if not pack.includes:
            assert [rule for rule in pack.of(ConsentRule) if rule.applies(channel, MARKETING)], pack.code


def test_korea_asks_for_night_consent_but_not_by_email() -> None:
    [night] = packs()["KR"].of(QuietRule)
    assert night.unless_consent == "night"
    assert night.clock == "Asia/Seoul"
    assert Channel.EMAIL not in night.channels


def test_koreas_duties_are_rules() -> None:
    [notice] = packs()["KR"].of(OutcomeNoticeRule)
    [again] = packs()["KR"].of(ReconfirmRule)
    assert notice.within.days == 14
    assert again.every == Period(24)


def test_casl_implies_consent_for_a_while() -> None:
    [rule] = packs()["CA"].of(ConsentRule)
    assert rule.accepts[Basis.IMPLIED_PURCHASE] == Period(24)
    assert rule.accepts[Basis.IMPLIED_INQUIRY] == Period(6)
    assert rule.accepts[Basis.CONSENT] is None


def test_texts_are_served_by_language() -> None:
    found = [serving(packs(), locale).code for locale in ("ko-KR", "en", "fr-CA")]
    assert found == ["KR", DEFAULT, DEFAULT]


def test_a_period_goes_by_the_calendar() -> None:
    assert Period(24).after(date(2024, 2, 29)) == date(2026, 2, 28)
    assert Period(48).after(date(2024, 2, 29)) == date(2028, 2, 29)
    assert Period(6).after(date(2026, 8, 31)) == date(2027, 2, 28)
    assert Period(24).after(datetime(2024, 2, 29, 9, tzinfo=UTC)) == datetime(2026, 2, 28, 9, tzinfo=UTC)
    assert [str(parse_period(text)) for text in ("1 month", "6 months", "24 months")] == [
        "1 month",
        "6 months",
        "2 years",
    ]


@pytest.mark.parametrize("text", ["", "730 days", "0 months", "two years", 2, None, "999 years"])
def test_a_period_in_days_is_none(text: object) -> None:
    with pytest.raises(ValueError, match="by the calendar"):
        parse_period(text)


PACK = """\
code: XX
name: {en: Nowhere, ko: 어디도 아닌 곳}
read: October 2026
languages: [xx]
states: {A: Aland}
rules:
  - {id: XX-name, kind: say, says: {en: a, ko: 가}, part: name, source: s, mark: V}
  - {id: XX-night, kind: quiet, says: {en: a, ko: 가}, hours: [{from: "21:00", to: "08:00"}], source: s, mark: V}
  - {id: XX-yes, kind: consent, says: {en: a, ko: 가}, accepts: {consent: always}, source: s, mark: V}
parts:
  - {code: XX-A, name: {en: A, ko: 가}, rules: []}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("part: name, source: s, mark: V", "part: name, source: s", "7:5: error[missing-key] expected the key `mark`"),
        ("part: name, source: s", "part: name", "7:5: error[missing-key] expected the key `source`"),
        ("source: s, mark: V}\n  - {id: XX-night", "source: s, mark: X}\n  - {id: XX-night", "or `R-med`; found `X`"),
        ("part: name", "part: nmae", "7:58: error[unknown-word]"),
        ("kind: quiet", "kind: quit", "did you mean `quiet`?"),
        ("kind: say, ", "", "expected the key `kind`"),
        ("kind: say, says", "kind: say, unless_sendr: true, says", "did you mean `unless_sender`?"),
        ("part: name", "part: name, languages: [ko]", "`languages` and `languages_mark` belong together"),
        ('"21:00"', '"25:00"', "expected a time of day"),
        ("kind: quiet", "kind: quiet, clock: Asia/Soul", "unknown time zone `Asia/Soul`"),
        ('to: "08:00"', 'to: "08:00", days: [sundy]', "expected one of monday"),
        ("consent: always", "consent: 730 days", "expected a time by the calendar"),
        ("consent: always", "consnt: always", "did you mean `consent`?"),
        ("id: XX-night", "id: XX-name", "found the rule `XX-name` twice"),
        ("read: October 2026", "read: October 2026\nincludes: [EU]", "unknown pack `EU`"),
        ("code: XX-A", "code: YY-A", "expected a part of `XX`"),
        ("code: XX-A", "code: XX-B", "11:12: error[unknown-state] found the part `XX-B`"),
        ("states: {A: Aland}", "states: {a: Aland}", "xx.yaml"),
        ("code: XX\n", "code: xx\n", "1:7"),
        (PACK, "", "the file is empty"),
        (PACK, "a: [", "xx.yaml:1"),
    ],
)  # fmt: skip
def test_a_pack_with_a_typo_is_told_with_its_place(old: str, new: str, told: str) -> None:
    assert parse_packs({"xx.yaml": PACK}).keys() == {"XX", "XX-A"}
    assert parse_packs({"xx.yaml": PACK})["XX"].of(SayRule)[0].part == "name"
    with pytest.raises(ProblemsFound) as found:
        parse_packs({"xx.yaml": PACK.replace(old, new, 1)})
    assert told in str(found.value)
    assert "xx.yaml:" in str(found.value)


def test_a_language_and_a_code_belong_to_one_pack() -> None:
    other = PACK.replace("XX", "YY")
    with pytest.raises(ProblemsFound, match="found the language `xx` twice; a has it already"):
        parse_packs({"a": PACK, "b": other})
    with pytest.raises(ProblemsFound, match="found the code `XX` twice"):
        parse_packs({"a": PACK, "b": PACK})
