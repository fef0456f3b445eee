"""An email says what the envelope said, on every mail server, and nothing can be smuggled into it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default as default_policy
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.delivery.providers.mime import Unsendable, compose
from dangol.model.message import Envelope, Rendered
from dangol.model.vocabulary import Channel

OWN_HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "X-Dangol-Message-Id")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
UNSUBSCRIBE = "<https://dangol.example/u/" + "a1B2" * 100 + ">"
ENVELOPE = Envelope(
    "01KJX0000000000000000000AB",
    Channel.EMAIL,
    "alice@example.com",
    "단골 커피, 서울 <hello@dangol.example>",
    Rendered(Channel.EMAIL, "ko", "한결님, 안녕하세요 👋\n.\n끝", "(광고) 봄 원두 🎁", "<p>한결님, 안녕하세요 👋</p>"),
    {"List-Unsubscribe": UNSUBSCRIBE, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
)


def parsed(envelope: Envelope) -> EmailMessage:
    raw = compose(envelope, NOW).message
    return cast(EmailMessage, message_from_bytes(raw, policy=default_policy))


def content(part: object) -> str:
    """A body as written: lines end in CRLF on the wire, and the last one always ends."""
    return str(cast(EmailMessage, part).get_content()).replace("\r\n", "\n").rstrip("\n")


def with_subject(subject: str) -> Envelope:
    return replace(ENVELOPE, rendered=replace(ENVELOPE.rendered, subject=subject))


def test_headers_bodies_and_addresses_arrive_as_written() -> None:
    message = parsed(ENVELOPE)
    assert message["Subject"] == "(광고) 봄 원두 🎁"
    assert message["From"].addresses[0].display_name == "단골 커피, 서울"
    assert message["From"].addresses[0].addr_spec == "hello@dangol.example"
    assert message["To"] == "alice@example.com"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<01KJX0000000000000000000AB@dangol.example>"
    assert message["X-Dangol-Message-Id"] == "01KJX0000000000000000000AB"
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    assert content(plain) == "한결님, 안녕하세요 👋\n.\n끝"
    assert content(html) == "<p>한결님, 안녕하세요 👋</p>"


def test_a_message_without_html_is_plain_text() -> None:
    assert parsed(replace(ENVELOPE, rendered=replace(ENVELOPE.rendered, html=""))).get_content_type() == "text/plain"


def test_a_long_unsubscribe_address_stays_whole_so_that_mail_clients_find_it() -> None:
    assert f"List-Unsubscribe: {UNSUBSCRIBE}\r\n".encode() in compose(ENVELOPE, NOW).message


def test_an_email_is_seven_bit_with_crlf_and_no_overlong_line() -> None:
    raw = compose(ENVELOPE, NOW).message
    assert raw.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_international_domains_go_out_in_ascii() -> None:
    composed = compose(replace(ENVELOPE, to="alice@단골.한국"), NOW)
    assert composed.recipient == "alice@xn--bb0bu7i.xn--3e0b707e"


@pytest.mark.parametrize("to", ["", "alice", "@example.com", "alice@", "a b@example.com", "한결@example.com", "a@.."])
def test_what_is_no_sendable_address_is_told_without_repeating_it(to: str) -> None:
    with pytest.raises(Unsendable) as caught:
        compose(replace(ENVELOPE, to=to), NOW)
    assert "recipient" in str(caught.value)
    assert to not in str(caught.value) or not to


@pytest.mark.parametrize("name", ["From", "to", "Subject", "Content-Type", "Message-ID", "X-Dangol-Message-Id"])
def test_extra_headers_cannot_replace_dangols_own(name: str) -> None:
    with pytest.raises(Unsendable, match="is set by dangol itself"):
        compose(replace(ENVELOPE, headers={name: "x"}), NOW)


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=40), st.text(max_size=120))
def test_no_text_forges_a_header_or_breaks_the_writer(subject: str, name: str, to: str, header: str) -> None:
    envelope = replace(
        with_subject(subject),
        sender=f"{name} <hello@dangol.example>",
        to=f"{to}@example.com",
        headers={"X-Note": header},
    )
    try:
        composed = compose(envelope, NOW)
    except Unsendable:
        return
    head = composed.message.split(b"\r\n\r\n")[0]
    names = set(re.findall(rb"(?m)^([!-9;-~]+):", head))
    assert names == {name.encode() for name in (*OWN_HEADERS, "Content-Type", "MIME-Version", "X-Note")}
    assert not re.search(rb"[\s<>]", composed.recipient.encode())


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" "), max_size=150)


@given(PRINTABLE)
def test_every_printable_subject_arrives_as_written(subject: str) -> None:
    assert str(parsed(with_subject(subject.strip()))["Subject"]) == subject.strip()


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C",), include_characters="\n"), max_size=300))
def test_every_text_arrives_as_written(text: str) -> None:
    plain = parsed(replace(ENVELOPE, rendered=replace(ENVELOPE.rendered, text=text))).get_body(("plain",))
    assert content(plain) == text.rstrip("\n")


LONG_NAME = "아주 긴 이름을 가진 동네의 작은 음반 가게 단골레코드 서울 마포구 와우산로 본점 (점장 김하나)"
HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=120)


def head_of(envelope: Envelope) -> str:
    return compose(envelope, NOW).message.split(b"\r\n\r\n")[0].decode("ascii")


@given(st.one_of(PRINTABLE, HANGUL, st.text("ab가👋 =?", max_size=200)))
def test_encoded_words_are_as_long_as_may_be_and_cut_no_character(subject: str) -> None:
    head = head_of(with_subject(subject.strip()))
    for word in re.findall(r"=\?[^?]+\?[bq]\?[^?]*\?=", head):
        assert len(word) <= 75
        ((data, charset),) = decode_header(word)
        assert data.decode(charset)
    for line in re.sub(r"List-Unsubscribe: .*", "", head).split("\r\n"):
        assert len(line) <= (76 if "=?utf-8?" in line else 78)


@pytest.mark.parametrize(
    "name", ["단골", LONG_NAME, '김 "하나" (점장)', "Dangol Records", "Records, Dangol", "=?utf-8?q?fake?=", "a" * 120]
)
def test_display_names_of_any_length_arrive_as_written(name: str) -> None:
    head = head_of(replace(ENVELOPE, sender=f"{name} <hello@dangol.example>"))
    (line,) = re.findall(
        r"^From: (.*?)\s*<hello@dangol\.example>$", head.replace("\r\n ", " ").replace("\r\n", "\n"), re.MULTILINE
    )
    assert str(make_header(decode_header(line))).strip('"') == name
    assert max(map(len, head.split("\r\nTo:")[0].split("\r\n"))) <= 78


def test_what_reads_as_an_encoded_word_is_not_taken_for_one() -> None:
    forged = "=?utf-8?b?7Zal7ZWY?= 주문"
    assert str(parsed(with_subject(forged))["Subject"]) == forged
    assert str(parsed(with_subject("=?utf-8?q?fake?="))["Subject"]) == "=?utf-8?q?fake?="


def test_a_plain_subject_is_left_readable() -> None:
    assert "\r\nSubject: We have your order A-1042\r\n" in head_of(with_subject("We have your order A-1042"))
    long = "We have your order and look at every record before we pack it, as we always do"
    assert "=?" not in head_of(with_subject(long)).partition("Subject:")[2].partition("Date:")[0]
    assert str(parsed(with_subject(long))["Subject"]) == long
