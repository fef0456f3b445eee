"""What SendGrid's events mean, and that only SendGrid's key makes them believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sendgrid.helpers.eventwebhook import EventWebhook

from dangol.delivery.feedback.plain import Unreadable
from dangol.delivery.feedback.sendgrid import SIGNATURE, TIMESTAMP, SendGridSignatures, parse
from dangol.delivery.feedback.verdict import Check
from dangol.errors import UsageError
from dangol.model.feedback import Feedback
from tests.carriers import SendGrid, events

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def read(**item: Any) -> Feedback:
    (report,) = parse(
        events({"email": "kim@example.com", "timestamp": 1513299569, "sg_event_id": "e1", **item})
    ).reports
    return report


@pytest.mark.parametrize(
    ("item", "kind", "finding", "detail"),
    [
        ({"event": "processed"}, "processed", "", ""),
        ({"event": "deferred", "response": "400 try again later"}, "deferred", "", ""),
        ({"event": "delivered"}, "delivered", "", ""),
        ({"event": "bounce", "type": "bounce", "status": "5.1.1"}, "bounced", "hard", "5.1.1"),
        ({"event": "bounce", "type": "bounce"}, "bounced", "hard", "bounce"),
        ({"event": "bounce", "type": "blocked", "status": "4.2.2"}, "bounced", "soft", "4.2.2"),
        ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, "bounced", "blocked", "5.7.1"),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Content"}, "bounced", "blocked", "Content"),
        ({"event": "bounce", "bounce_classification": "Mailbox Unavailable"}, "bounced", "soft", "Mailbox Unavailable"),
        ({"event": "bounce"}, "bounced", "soft", ""),
        ({"event": "dropped", "reason": "Bounced Address"}, "failed", "hard", "bounced address"),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, "failed", "complained", "spam reporting address"),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "failed", "opted_out", "unsubscribed address"),
        ({"event": "dropped", "reason": "Invalid"}, "failed", "invalid", "invalid"),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, "failed", "", "invalid smtpapi header"),
        ({"event": "dropped", "reason": "kim@example.com"}, "failed", "", ""),
        ({"event": "spamreport"}, "complained", "complained", ""),
        ({"event": "unsubscribe"}, "unsubscribed", "opted_out", ""),
        ({"event": "group_unsubscribe"}, "unsubscribed", "opted_out", ""),
        ({"event": "group_resubscribe"}, "other", "", ""),
        ({"event": "teleported"}, "other", "", ""),
    ],
)
def test_each_event_says_what_happened_and_what_that_says_about_the_address(
    item: dict[str, Any], kind: str, finding: str, detail: str
) -> None:
    report = read(**item)
    assert (report.kind, report.finding, report.detail) == (kind, finding, detail)


def test_an_event_names_our_message_and_sendgrids() -> None:
    ours = "01KJP0Y9M0PRP3C54PEBHN9R74"
    report = read(event="delivered", dangol_message_id=ours, sg_message_id="14c5d75ce93.dfd.64b469.0")
    assert (report.message_id, report.reference, report.at) == (
        ours,
        "14c5d75ce93",
        datetime(2017, 12, 15, 0, 59, 29, tzinfo=UTC),
    )


@pytest.mark.parametrize("ours", ["", 7, None, "01KJP0Y9M0PRP3C54PEBHN9R7", "01kjp0y9m0prp3c54pebhn9r74", "x" * 26])
def test_what_is_not_spelt_like_an_id_of_ours_is_none(ours: object) -> None:
    assert read(event="delivered", dangol_message_id=ours).message_id == ""


@pytest.mark.parametrize(
    ("item", "machine"),
    [
        ({"event": "open", "sg_machine_open": True}, True),
        ({"event": "open", "sg_machine_open": False, "useragent": "Mozilla/5.0"}, True),
        (
            {
                "event": "open",
                "useragent": "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            },
            False,  # Gmail's proxy fetches when the person opens
        ),
        (
            {
                "event": "open",
                "sg_machine_open": True,
                "useragent": "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            },
            True,
        ),
        (
            {"event": "open", "useragent": "YahooMailProxy; https://help.yahoo.com/kb/"},
            True,
        ),
        ({"event": "click", "useragent": "Mozilla/5.0 (compatible; Barracuda Sentinel)"}, True),
        ({"event": "click", "useragent": "SomeBot/1.0"}, False),
        ({"event": "click", "useragent": "some-bot/1.0"}, True),
        ({"event": "click", "useragent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"}, False),
        ({"event": "open"}, False),
        ({"event": "delivered", "useragent": "curl/8"}, False),
    ],
)
def test_machines_are_told_from_people(item: dict[str, Any], machine: bool) -> None:
    assert read(**item).machine is machine


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://shop.example/a/b?token=secret&x=1#top", "https://shop.example/a/b"),
        ("https://kim:pw@shop.example:8443/", "https://shop.example:8443/"),
        ("https://x.example/u/WyIwMUtKUDAiLCJlbWFpbCJd.aB3_9-fQ", "https://x.example/u/*"),
        ("https://x.example/p/01KJP0Y9M0PRP3C54PEBHN9R74.50a1.AAAAAAAAAAAAAAAA", "https://x.example/p/*"),
        ("https://shop.example/records/2026-spring-collection-of-quiet-things", None),
        ("javascript:alert(1)", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_a_link_is_kept_without_what_names_a_person(url: str, stored: str | None) -> None:
    assert read(event="click", url=url).url == (url if stored is None else stored)


def test_an_event_without_an_id_is_known_by_its_contents() -> None:
    one, other = (read(event="open", sg_event_id=None, ip=ip) for ip in ("1.1.1.1", "2.2.2.2"))
    assert one.event_id.startswith("sha256:")
    assert one.event_id != other.event_id == read(event="open", sg_event_id=None, ip="2.2.2.2").event_id


@pytest.mark.parametrize("at", [None, "soon", 1e300, -(10**18), True, [], 10**18])
def test_a_time_that_is_none_is_left_out(at: object) -> None:
    assert read(event="delivered", timestamp=at).at is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"\xff", b'"event"'])
def test_what_is_no_list_is_not_read(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(body)


def test_what_is_believed_is_what_sendgrids_own_helper_believes() -> None:
    sender, body = SendGrid(), events({"event": "delivered"})
    headers = sender.headers(body, NOW)
    ours = SendGridSignatures(sender.public_key, HOUR)
    theirs = EventWebhook(sender.public_key)
    assert ours.check(body, headers, NOW) is Check.GOOD
    assert theirs.verify_signature(body.decode(), headers[SIGNATURE], headers[TIMESTAMP])
    for spoilt in (body.rstrip(), body + b" ", b""):
        assert ours.check(spoilt, headers, NOW) is Check.FORGED
        assert not theirs.verify_signature(spoilt.decode(), headers[SIGNATURE], headers[TIMESTAMP])


def test_bytes_that_are_no_text_are_checked_like_others() -> None:
    sender, body = SendGrid(), b"\xff\xfe\x00"
    assert SendGridSignatures(sender.public_key, HOUR).check(body, sender.headers(body, NOW), NOW) is Check.GOOD


def test_both_keys_are_good_while_one_is_changed() -> None:
    old, new = SendGrid(), SendGrid()
    signatures = SendGridSignatures(f"{new.public_key} {old.public_key}", HOUR)
    assert {signatures.check(b"[]", one.headers(b"[]", NOW), NOW) for one in (old, new)} == {Check.GOOD}
    assert signatures.check(b"[]", SendGrid().headers(b"[]", NOW), NOW) is Check.FORGED


@pytest.mark.parametrize("key", [" ", "nonsense", "AAAA", "MIIB"])
def test_a_key_that_is_none_is_told_without_quoting_it(key: str) -> None:
    with pytest.raises(UsageError, match="verification key") as told:
        SendGridSignatures(key, HOUR)
    assert key.strip() == "" or key not in str(told.value)
