"""Facts are found in Korean and English notation, as values that can be compared; and what is none is none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from babel.core import Locale
from hypothesis import given
from hypothesis import strategies as st

from dangol.content.filters import filters_for
from dangol.editor.facts import Fact, Kind, Weight, extract, shown
from dangol.editor.facts.targets import target

LOCALES = st.sampled_from(("ko", "en"))


def facts(text: str, *kinds: Kind, locale: str = "ko", own: frozenset[str] = frozenset()) -> list[Fact]:
    found = extract({"body": text}, locale, own=own)
    return [fact for fact in found if not kinds or fact.kind in kinds]


def values(text: str, *kinds: Kind, locale: str = "ko") -> list[str]:
    return [shown(fact) for fact in facts(text, *kinds, locale=locale)]


SAME = {
    "KRW 30,000": "3만원|3만 원|₩30,000|30,000 won|30,000원|KRW 30,000|30,000 KRW|30000원|삼만 원|30 thousand won|"
    "thirty thousand won|30k won|￦30,000|30,000\u00a0원|**30,000원**",
    "KRW 15,000": "1만 5천원|1만5천 원|1만5,000원|15,000원|만 오천 원|fifteen thousand won",
    "KRW 120,000,000": "1억 2천만원|1억 2,000만 원|120 million won|₩120,000,000",
    "USD 12.5": "$12.50|US$12.50|12.50 dollars|12.5달러|USD 12.50",
    "EUR 20": "€20|20유로|20 euros|EUR 20|20 €",
    "KRW -3,000": "-3,000원|-₩3,000|₩-3,000",
    "30%": "30%|30 %|30 percent|30 per cent|30퍼센트|30프로|삼십 퍼센트|thirty percent",
    "50%": "반값|half price|50%|half the price|half off|반액",
    "2026-11-30": "2026년 11월 30일|2026-11-30|2026.11.30|2026. 11. 30.|November 30, 2026|Nov 30, 2026|"
    "30 November 2026|26. 11. 30.|2026/11/30|30th of November 2026|11/30/26|11/30/2026|Nov. 30, 2026",
    "11-30": "11월 30일|11월30일|Nov 30|Nov. 30|November 30th|30 November|30 Nov|by 11/30|11/30까지|11/30(월)",
    "15:30": "오후 3시 30분|오후 3:30|3:30 PM|3:30pm|3:30 p.m.|15:30|15시 30분|낮 3시 30분|15:30:00|오후 세 시 반",
    "19:00": "저녁 7시|저녁 일곱 시에|7 PM|7pm|19:00|19시|7 in the evening",
    "00:00": "자정|midnight|24:00|밤 12시|12 AM|오전 12시",
    "12:00": "정오|at noon|12 PM|낮 12시",
    "A-1042": "주문 A-1042|주문번호: A-1042|order A-1042|Order number A-1042|#A-1042|order #A-1042|"
    "a-1042번 주문 A-1042|접수번호는 A-1042입니다|code “A-1042”",
    "4821": "찾으실 번호 4821|pick-up code 4821|pickup code: 4821|코드는 4821입니다|수령 번호 **4821**",
    "7 days": "7일 동안|일주일|a week|one week|7 days|seven days|이레|1주일",
    "14 days": "두 주|2주|2주일|two weeks|14 days|14일|a fortnight",
    "2 days": "이틀|2일 안에|two days|48 hours|48시간",
    "3 working days": "영업일 기준 3일|3영업일|3 business days|three working days",
    "3 months": "3개월|석 달|세 달|three months|3 months",
    "30 minutes": "30분|반 시간|half an hour|30 minutes|thirty minutes",
    "2 things": "2장|두 장|two records|2 records|2 new records|2개|두 가지",
    "5 people": "5명|다섯 명|다섯 분|five people|5 guests",
    "1,200 points": "1,200포인트|1200점|1,200 points",
    "Monday": "월요일|Monday|Mon, Nov 30|11월 30일(월)",
    "+821012345678": "010-1234-5678|+82 10-1234-5678|010 1234 5678",
}


@pytest.mark.parametrize(
    ("value", "written"), [(value, one) for value, many in SAME.items() for one in many.split("|")]
)
def test_every_notation_of_a_fact_has_one_value(value: str, written: str) -> None:
    assert value in values(f"그때 {written}" if re.search("[가-힣]", written) else f"It is {written}")


@pytest.mark.parametrize(
    "text",
    [
        "한 장 한 장 들어 보고 적습니다.",
        "서울 마포구 와우산로 2층",
        "MP3 파일, 45 RPM, 7인치 음반, 1집",
        "3번째 음반, 첫 번째 손님, 2분기, 3호점, 10대, 5회원권",
        "이 음반은 1959년에 나왔고 2024년에 다시 나왔습니다.",
        "It came out in 1959 and again in 2024.",
        "I am here. May I ask? She won. Sat down in the sun.",
        "시 한 편과 리마스터 시리즈",
        "원인은 원두와 원본에 있습니다.",
        "The 30th anniversary, the 1st side, a 180-gram pressing",
        "No. 5 Main Street, 2F",
        "half-hearted, on my way, in time, at times",
        "다시 시작합니다. 즉시 알려 드립니다.",
    ],
)
def test_what_only_looks_like_a_fact_is_none(text: str) -> None:
    assert [fact for fact in facts(text) if fact.weight is Weight.PLAIN] == []


def test_a_fact_knows_where_it_is_written() -> None:
    text = "모두 **35,000원**어치, 11월 30일(월)까지, https://dangol.example/a."
    assert [(fact.written, text[fact.start : fact.end]) for fact in facts(text)] == [
        (one, one) for one in ("35,000원", "11월 30일", "(월)", "https://dangol.example/a")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("11월 28일부터 30일까지", [("11-28", "from"), ("11-30", "until")]),
        ("Nov 28–30", [("11-28", ""), ("11-30", "until")]),
        ("1~2만원", [("KRW 10,000", ""), ("KRW 20,000", "")]),
        ("20~30% 할인", [("20%", ""), ("30%", "off")]),
        ("2–4 PM", [("14:00", ""), ("16:00", "until")]),
        ("10–2 PM", [("10:00", ""), ("14:00", "until")]),
        ("배송비 3,000원, 3만원 이상이면 없습니다", [("KRW 3,000", "shipping"), ("KRW 30,000", "minimum")]),
        ("It was ₩24,000. Save ₩6,000.", [("KRW 24,000", "was"), ("KRW 6,000", "off")]),
        ("order A-1042, case C-77", [("A-1042", "order"), ("C-77", "case")]),
        ("within 3 days, for 2 weeks", [("3 days", "within"), ("14 days", "for")]),
    ],
)
def test_the_words_around_a_fact_say_what_it_is_about(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(shown(fact), fact.role) for fact in facts(text)] == expected


def test_slashes_are_read_as_the_locale_writes_dates() -> None:
    assert values("by 4/5/2026", locale="en") == ["2026-04-05"]
    assert values("by 4/5/2026", locale="en-GB") == ["2026-05-04"]


def test_the_brands_own_numbers_and_addresses_are_no_facts() -> None:
    text = "[Call](tel:02-000-0000), 02-000-0000, hello@dangol.example, 010-1234-5678"
    own = frozenset({"02-000-0000", "hello@dangol.example"})
    assert [fact.written for fact in facts(text, own=own)] == ["010-1234-5678"]


def test_what_is_cut_off_is_no_fact() -> None:
    assert values("까닭: 30…") == values("3만 5,00…") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://dangol.example/ko/orders/A-1?utm_source=x&b=1", "http://www.dangol.example/orders/A-1/?b=1"),
        ("https://dangol.example/orders?lang=en#top", "https://dangol.example/en-US/orders?lang=ko#top"),
        ("mailto:Hello@dangol.example?subject=a", "mailto:hello@dangol.example"),
        ("tel:010-1234-5678", "tel:+821012345678"),
    ],
)
def test_locale_and_tracking_make_no_other_link(one: str, other: str) -> None:
    assert target(one) == target(other)


AMOUNTS = st.one_of(st.integers(0, 10**11), st.decimals(0, 10**7, places=2))


@given(value=AMOUNTS, locale=LOCALES, currency=st.sampled_from(("KRW", "USD", "EUR", "JPY", "GBP", "CHF", "CNY")))
@pytest.mark.parametrize("style", ["symbol", "code"])
def test_an_amount_is_read_as_the_filter_writes_it(
    value: int | Decimal, locale: str, currency: str, style: str
) -> None:
    whole = currency in {"KRW", "JPY"}
    value = int(value) if whole else value
    written = filters_for(Locale(locale))["amount"](value, currency, style)
    (found,) = facts(f"합계 {written}입니다." if locale == "ko" else f"You paid {written}.", locale=locale)
    assert found.value == (currency, Decimal(value).normalize() + 0)


@given(
    day=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    locale=LOCALES,
    style=st.sampled_from(("long", "medium", "short", "full")),
)
def test_a_date_is_read_as_the_filter_writes_it(day: date, locale: str, style: str) -> None:
    written = filters_for(Locale(locale))["date"](day, style)
    found = facts(f"{written}까지 받습니다." if locale == "ko" else f"Until {written}.", Kind.DATE, locale=locale)
    assert [one.value for one in found] == [(day.year, day.month, day.day)]
    days = facts(written, Kind.WEEKDAY, locale=locale)
    assert [one.value for one in days] == ([(day.weekday(),)] if style == "full" else [])


@given(moment=st.times(), locale=LOCALES)
def test_a_time_is_read_as_the_filter_writes_it(moment: time, locale: str) -> None:
    written = filters_for(Locale(locale))["time"](datetime.combine(date(2026, 3, 2), moment, UTC))
    (found,) = facts(f"{written}에 시작합니다." if locale == "ko" else f"We start at {written}.", locale=locale)
    assert found.value == (moment.hour, moment.minute, False)


@given(text=st.text(max_size=300), locale=LOCALES)
def test_no_text_makes_the_extraction_fail(text: str, locale: str) -> None:
    for fact in extract({"subject": text, "body": text, "link": text}, locale):
        assert fact.written
        assert shown(fact)


PIECES = (
    "3만 1,000 원 ₩ % 11월 30일 Nov 2026 12:30 오후 시 PM A-10 주문 code 두 장 two records a week "
    "http:// @a.b - ~ , . ( ) / ** 번 until"
)


@given(st.lists(st.sampled_from(PIECES.split(" ")), max_size=60), st.sampled_from(("", " ")), LOCALES)
def test_no_pile_of_pieces_makes_the_extraction_fail(pieces: list[str], between: str, locale: str) -> None:
    text = between.join(pieces)
    taken = 0
    for fact in extract({"body": text}, locale):
        assert text[fact.start : fact.end] == fact.written
        assert fact.start >= taken
        assert shown(fact)
        taken = fact.end
