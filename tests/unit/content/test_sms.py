"""SMS as carriers count them: parts, bytes, prices, cheaper spellings, and what happens when one grows too long."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smsutil.codecs import GSM_CHARSET, GSM_EXT_CHARSET

from dangol.content import sms
from dangol.content.check import check_messages
from dangol.content.messages import Messages, compile_messages
from dangol.errors import ContentTooLong, ProblemsFound, RenderError
from dangol.model.message import Rendered
from dangol.model.sms import split
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import Sms, SmsEncoding, TrackingPlan
from tests.unit.content.workspace import BRAND

KOREAN = SmsEncoding.EUCKR
PATH = "templates/note/sms.en.txt.j2"


def compiled(text: str, encoding: SmsEncoding = SmsEncoding.GSM, purpose: Purpose = Purpose.TRANSACTIONAL) -> Messages:
    return compile_messages(
        {**BRAND, PATH: text}, templates=["note"], purpose=purpose, default_locale="en", sms_encoding=encoding
    )


def said(text: str, encoding: SmsEncoding = SmsEncoding.GSM, **event: object) -> Rendered:
    return compiled(text, encoding).render("note", Channel.SMS, "en", {"event": event})


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("a" * 160, "1 segment, 160 of 160 in GSM-7"),
        ("a" * 161, "2 segments, 161 of 306 in GSM-7"),
        ("€" * 80, "1 segment, 160 of 160 in GSM-7"),
        ("€" * 81, "2 segments, 162 of 306 in GSM-7"),
        ("가" * 70, "1 segment, 70 of 70 in UCS-2"),
        ("가" * 71, "2 segments, 71 of 134 in UCS-2"),
        ("👋" * 35, "1 segment, 70 of 70 in UCS-2"),
        ("👋" * 36, "2 segments, 72 of 134 in UCS-2"),
        ("", "1 segment, 0 of 160 in GSM-7"),
    ],
)
def test_parts_are_counted_as_carriers_bill_them(text: str, counted: str) -> None:
    assert str(sms.size(text)) == counted


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("가" * 45, "1 segment, 90 of 90 in EUC-KR"),
        ("가" * 45 + "a", "1 long message, 91 of 2000 in EUC-KR"),
        ("a" * 90, "1 segment, 90 of 90 in EUC-KR"),
        ("뷁", "1 segment, 2 of 90 in EUC-KR"),  # only in CP949, the extension that Korean carriers use
    ],
)
def test_korean_carriers_count_bytes(text: str, counted: str) -> None:
    assert str(sms.size(text, KOREAN)) == counted


CHARACTERS = st.one_of(st.sampled_from(sorted(set(GSM_CHARSET) - {"\x1b"})), st.sampled_from(GSM_EXT_CHARSET))


@given(st.one_of(st.text(CHARACTERS, max_size=700), st.text(st.characters(codec="utf-8"), max_size=400)))
def test_parts_are_the_text_and_never_end_inside_an_escape_or_a_surrogate_pair(text: str) -> None:
    parts = split(text)
    size = sms.size(text)
    assert "".join(parts) == text
    assert len(parts) == size.parts
    assert size.units <= size.room
    room = {"GSM-7": (160, 153), "UCS-2": (70, 67)}[size.alphabet][len(parts) > 1]
    for part in parts:
        if size.alphabet == "GSM-7":
            assert len(part) + sum(part.count(char) for char in GSM_EXT_CHARSET) <= room
        else:
            assert len(part.encode("utf-16-be")) <= room * 2
            assert part.encode("utf-16-be").decode("utf-16-be") == part


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.sampled_from(SmsEncoding))
def test_a_plainer_text_is_never_dearer_and_keeps_every_letter(text: str, encoding: SmsEncoding) -> None:
    plainer, replaced = sms.plainer(text, encoding)
    assert (plainer == text) == (not replaced)
    assert sms.plainer(plainer, encoding)[0] == plainer
    assert (
        [char for char in text if char.isalpha() and char < "\uff00"]
        == [char for char in plainer if char.isalpha() and char < "\uff00"]
        or "signs" in replaced
        or "full-width forms" in replaced
    )
    if encoding is SmsEncoding.GSM:
        assert sms.size(plainer).parts <= sms.size(text).parts


def test_quotes_dashes_and_spaces_are_rewritten_where_that_saves_a_part() -> None:
    text = "“Kind of Blue” – it’s yours…\u00a0" + "a" * 60
    plainer, replaced = sms.plainer(text)
    assert plainer == '"Kind of Blue" - it\'s yours... ' + "a" * 60
    assert replaced == {"dashes": 1, "ellipses": 1, "quotes": 3, "spaces": 1}
    assert (sms.size(text).parts, sms.size(plainer).parts) == (2, 1)


@pytest.mark.parametrize("text", ["It’s short", "하나님의 “음반”" + "가" * 60, "Plain 'text'"])
def test_nothing_is_rewritten_where_that_saves_nothing(text: str) -> None:
    assert sms.plainer(text) == (text, {})


def test_for_a_korean_carrier_only_what_its_alphabet_lacks_is_rewritten() -> None:
    assert sms.plainer("“음반” – 왔습니다", KOREAN) == ("“음반” - 왔습니다", {"dashes": 1})


def test_the_rewritten_text_is_what_is_sent_hashed_and_noted() -> None:
    text = "---\nsmart: true\n---\n“{{ event.title }}” is here. " + "a" * 60
    rendered = said(text, title="Kind of Blue")
    assert '"Kind of Blue" is here.' in rendered.text
    assert rendered.notes == {"rewritten": {"quotes": 2}}
    assert b'"Kind of Blue"' in rendered.content()
    assert rendered.segments == 1
    assert "“" in said(text.replace("smart: true", "smart: false"), title="x").text


SHORT = (
    '---\nmax_segments: 1\nwhen_longer: short\nshort: "{{ event.title }} is here."\n---\n'
    "Your record {{ event.title }} is here. "
)


def test_a_text_that_grows_too_long_for_a_reader_gives_way_to_the_shorter_one() -> None:
    text = SHORT + "a" * 80
    fits, grown = said(text, title="Blue"), said(text, title="B" * 60)
    assert "Your record Blue is here." in fits.text
    assert fits.notes == {}
    assert grown.text == f"Dangol Records: {'B' * 60} is here.\nQuestions: 02-000-0000"
    assert grown.notes == {"variant": "short"}
    assert grown.segments == 1


def test_if_the_shorter_text_is_too_long_too_nothing_is_sent() -> None:
    with pytest.raises(ContentTooLong, match="characters in 2 segments; at most 1 are sent"):
        said(SHORT, title="B" * 200)


def test_without_a_shorter_text_a_reader_for_whom_it_is_too_long_gets_nothing() -> None:
    text = "---\nmax_segments: 2\n---\n{{ event.x }}"
    assert said(text, x="a" * 200).segments == 2
    with pytest.raises(ContentTooLong, match="at most 2 are sent"):
        said(text, x="a" * 300)


def test_the_shorter_text_keeps_label_and_opt_out() -> None:
    made = compiled(SHORT, purpose=Purpose.MARKETING)
    text = made.render("note", Channel.SMS, "en", {"event": {"title": "B" * 70}}).text
    assert text.startswith("Dangol Records: ")
    assert text.endswith("Opt out free: reply STOP or 080-000-0000")


def test_korean_bytes_refuse_what_is_over_2000_and_what_the_alphabet_lacks() -> None:
    assert said("{{ event.x }}", KOREAN, x="가" * 100).size is not None
    with pytest.raises(ContentTooLong, match=r"2,?\d+ bytes in EUC-KR; at most 2000 are sent"):
        said("{{ event.x }}", KOREAN, x="가" * 1000)
    with pytest.raises(RenderError, match="alphabet"):
        said("{{ event.x }}", KOREAN, x="👋")
    with pytest.raises(ContentTooLong, match="asks for a short message"):
        said("---\nmax_segments: 1\n---\n{{ event.x }}", KOREAN, x="가" * 50)


def test_prices_are_the_workspaces_else_rough_list_prices() -> None:
    long, short = sms.size("가" * 50, KOREAN), sms.size("가", KOREAN)
    assert sms.price(short, "KR") == (Decimal(9), "KRW")
    assert sms.price(long, "KR") == (Decimal(27), "KRW")
    assert sms.price(long, "KR", {"KR/long": "25.9 KRW"}) == (Decimal("25.9"), "KRW")
    assert sms.price(sms.size("a" * 200), "US") == (Decimal("0.0166"), "USD")
    assert sms.price(short, "XX") is None


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("max_segments: 0", "a whole number from 1 to 10; found 0"),
        ("max_segments: true", "a whole number from 1 to 10; found True"),
        ('smart: "yes"', "expected true or false; found 'yes'"),
        ("when_longer: cut", "expected refuse or short; found 'cut'"),
        ("when_longer: short", "that needs a `short`"),
        ("short: x", "is used with `when_longer: short`"),
        ("smrt: true", "did you mean `smart`"),
    ],
)
def test_mistakes_in_front_matter_are_told(front: str, words: str) -> None:
    with pytest.raises(ProblemsFound, match=words):
        compiled(f"---\n{front}\n---\nx")


def check(text: str, carrier: Sms) -> list[tuple[str, str, str]]:
    problems = check_messages(
        {**BRAND, PATH: text},
        sends=[("note", Purpose.TRANSACTIONAL, (Channel.SMS,), None)],
        plan=TrackingPlan.model_validate({"attributes": {"name": "string", "given_name": "string"}}),
        default_locale="en",
        sms=carrier,
    )
    return [(one.code, one.severity, one.message) for one in problems]


def test_the_check_says_what_typographic_quotes_cost() -> None:
    [(code, severity, message)] = check("It’s here. " + "a" * 60, Sms(prices={"US": "0.01 USD"}))
    assert (code, severity) == ("costly-sms", "warning")
    assert message == "quotes, dashes or spaces make this 2 segments in place of 1; 0.02 USD in place of 0.01 in US"
    assert check("---\nsmart: true\n---\nIt’s here. " + "a" * 60, Sms()) == []


def test_the_check_knows_the_carriers_alphabet_and_bytes() -> None:
    assert [code for code, *_ in check("Hello 👋", Sms(encoding=KOREAN))] == ["not-in-alphabet"]
    assert [code for code, *_ in check("a" * 2100, Sms(encoding=KOREAN))] == ["too-long"]
    assert check("a" * 1800, Sms(encoding=KOREAN)) == []
