"""Signatures of outbound calls, as Standard Webhooks has them."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from dangol.delivery.signatures import Signer, new_secret, verify
from dangol.errors import UsageError

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OLD, NEW = new_secret(b"o" * 32), new_secret(b"n" * 24)
BODY = '{"name":"지우"}'.encode()


def test_the_example_of_the_standard_comes_out() -> None:
    signer = Signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signer.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_was_signed_verifies() -> None:
    assert verify(OLD, Signer(OLD).headers("01CALL", NOW, BODY), BODY, now=NOW)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_what_was_altered_or_is_missing_does_not(header: str) -> None:
    headers = Signer(OLD).headers("01CALL", NOW, BODY)
    assert not verify(OLD, {**headers, header: headers[header] + "0"}, BODY, now=NOW)
    assert not verify(OLD, {name: value for name, value in headers.items() if name != header}, BODY, now=NOW)
    assert not verify(OLD, headers, BODY + b" ", now=NOW)
    assert not verify(OLD, {**headers, "webhook-timestamp": "now"}, BODY, now=NOW)


def test_another_secret_does_not_verify() -> None:
    assert not verify(NEW, Signer(OLD).headers("01CALL", NOW, BODY), BODY, now=NOW)


@pytest.mark.parametrize(("age", "fresh"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_signature_is_good_for_five_minutes(age: int, fresh: bool) -> None:
    headers = Signer(OLD).headers("01CALL", NOW, BODY)
    assert verify(OLD, headers, BODY, now=NOW + timedelta(seconds=age)) is fresh


def test_while_secrets_change_each_of_them_verifies() -> None:
    headers = Signer(f"{NEW} {OLD}").headers("01CALL", NOW, BODY)
    assert len(headers["webhook-signature"].split()) == 2
    assert verify(OLD, headers, BODY, now=NOW)
    assert verify(NEW, headers, BODY, now=NOW)
    assert verify(f"{NEW} {OLD}", Signer(OLD).headers("01CALL", NOW, BODY), BODY, now=NOW)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        " ",
        "hunter2hunter2hunter2hunter2",
        b64encode(b"k" * 32).decode(),
        new_secret(b"k" * 23),
        new_secret(b"k" * 65),
        "whsec_not base64",
        "whsec_hunter2***",
        f"{NEW} hunter2",
    ],
)
def test_what_is_no_secret_is_told_without_quoting_it(secret: str) -> None:
    with pytest.raises(UsageError, match="DANGOL_WEBHOOK_SECRET") as refused:
        Signer(secret)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("size", [24, 64])
def test_secrets_of_24_to_64_bytes_are_taken(size: int) -> None:
    secret = new_secret(b"k" * size)
    assert verify(secret, Signer(secret).headers("01CALL", NOW, BODY), BODY, now=NOW)
