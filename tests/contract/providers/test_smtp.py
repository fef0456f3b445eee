"""What SMTP's answers and silences mean for a message."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from dangol.clock import VirtualClock
from dangol.delivery.providers.smtp import Smtp
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel, RefusalCause
from tests.contract.providers.smtp_server import DROP, HANG, SmtpServer

BOB = "bob@example.com"
PASSWORD = SecretStr("open sesame")


def envelope(number: int, to: str = "alice@example.com") -> Envelope:
    rendered = Rendered(Channel.EMAIL, "ko", text=".안녕하세요\n..끝", subject="단골 소식", html="<p>안녕하세요</p>")
    return Envelope(f"M{number}", Channel.EMAIL, to, "단골 <hello@dangol.example>", rendered)


@pytest.fixture
def smtp(smtp_server: SmtpServer, clock: VirtualClock) -> Smtp:
    return make(smtp_server, clock)


def make(server: SmtpServer, clock: VirtualClock, **settings: Any) -> Smtp:
    return Smtp("127.0.0.1", server.port, clock=clock, **{"timeout": timedelta(seconds=5), **settings})


def send_to_bob_between_others(smtp: Smtp) -> Outcome:
    before, bob, after = smtp.send_many([envelope(1), envelope(2, BOB), envelope(3)])
    assert (before, after) == (Accepted("M1"), Accepted("M3"))
    return bob


def test_a_batch_uses_one_connection(smtp: Smtp, smtp_server: SmtpServer) -> None:
    smtp.send_many([envelope(number) for number in range(20)])
    assert smtp_server.seen["connect"] == 1
    assert len(smtp_server.received) == 20


def test_the_message_on_the_wire_carries_its_addresses_and_leading_dots(smtp: Smtp, smtp_server: SmtpServer) -> None:
    smtp.send_many([envelope(1)])
    (mail,) = smtp_server.received
    assert (mail.sender, mail.recipient) == ("hello@dangol.example", "alice@example.com")
    assert mail.text.splitlines() == [".안녕하세요", "..끝"]


@pytest.mark.parametrize("stage", ["rcpt", "data", "dot"])
@pytest.mark.parametrize(
    ("answer", "permanent", "cause"),
    [
        ("550 5.1.1 <bob@example.com> unknown", True, RefusalCause.DEAD_ADDRESS),
        ("452 4.2.2 bob's box is full", False, None),
        ("530 5.7.0 log in", False, RefusalCause.ACCOUNT),
    ],
)
def test_5xx_is_for_good_4xx_for_now_and_the_connection_stays(
    smtp: Smtp, smtp_server: SmtpServer, stage: str, answer: str, permanent: bool, cause: RefusalCause | None
) -> None:
    smtp_server.on(stage, answer, BOB)
    what = "recipient" if stage == "rcpt" else "message"
    detail = f"the SMTP server refused the {what}: {answer[:9]}"
    assert send_to_bob_between_others(smtp) == Refused(permanent, detail, cause=cause)
    assert smtp_server.seen["connect"] == 1


DEAD, OURS, SAYS, OTHER = (
    RefusalCause.DEAD_ADDRESS,
    RefusalCause.ACCOUNT,
    RefusalCause.CONTENT,
    RefusalCause.ELSEWHERE,
)


@pytest.mark.parametrize(
    ("answer", "of_recipient", "of_message"),
    [
        ("550 5.1.1 no such user", DEAD, DEAD),
        ("550 5.1.2 no such host", DEAD, DEAD),
        ("553 5.1.3 no address", DEAD, DEAD),
        ("551 5.1.6 moved away", DEAD, DEAD),
        ("556 5.1.10 takes no mail", DEAD, DEAD),
        ("550 5.1.0 something about the address", None, None),
        ("553 5.1.8 bad sender", OURS, OURS),
        ("550 5.2.1 box is closed", None, None),
        ("552 5.2.2 box is full", None, None),
        ("552 5.3.4 too large", SAYS, SAYS),
        ("554 5.6.0 cannot be read", SAYS, SAYS),
        ("554 5.7.1 not by us", OTHER, SAYS),
        ("550 5.7.26 no DMARC", OURS, OURS),
        ("535 5.7.8 log in anew", OURS, OURS),
        ("550 no", None, None),
        ("550 4.1.1 two minds", None, None),
        ("550 5.1.1x no code", None, None),
        ("450 4.1.1 later", None, None),
        ("451 4.7.1 greylisted", None, None),
    ],
)
@pytest.mark.parametrize("stage", ["rcpt", "dot"])
def test_a_refusals_codes_tell_its_cause(
    smtp: Smtp,
    smtp_server: SmtpServer,
    stage: str,
    answer: str,
    of_recipient: RefusalCause | None,
    of_message: RefusalCause | None,
) -> None:
    smtp_server.on(stage, answer, BOB)
    outcome = send_to_bob_between_others(smtp)
    cause = of_recipient if stage == "rcpt" else of_message
    assert isinstance(outcome, Refused)
    assert (outcome.permanent, outcome.cause) == (answer.startswith("5") and cause is not OURS, cause)


def test_a_refused_sender_is_an_operators_mistake_and_condemns_nobody(smtp: Smtp, smtp_server: SmtpServer) -> None:
    smtp_server.on("mail", "550 5.7.1 not yours")
    assert smtp.send_many([envelope(1)]) == [
        Refused(False, "the SMTP server refused the sender: 550 5.7.1", cause=RefusalCause.ACCOUNT)
    ]


@pytest.mark.parametrize("stage", ["rcpt", "data", "body"])
def test_a_connection_lost_before_the_final_dot_is_a_refusal_for_now(
    smtp: Smtp, smtp_server: SmtpServer, stage: str
) -> None:
    smtp_server.on(stage, DROP, BOB)
    # Only a text larger than the sockets' buffers shows that the server stopped reading.
    text = "안녕하세요\n" * (1_500_000 if stage == "body" else 1)
    message = replace(envelope(2, BOB), rendered=replace(envelope(2).rendered, text=text))
    before, bob, after = smtp.send_many([envelope(1), message, envelope(3)])
    assert (before, after) == (Accepted("M1"), Accepted("M3"))
    assert isinstance(bob, Refused)
    assert not bob.permanent
    assert smtp_server.seen["connect"] == 2


@pytest.mark.parametrize(("answer", "detail"), [(DROP, "connection closed"), (HANG, "time-out")])
def test_silence_after_the_final_dot_is_unknown(
    smtp_server: SmtpServer, clock: VirtualClock, answer: str, detail: str
) -> None:
    smtp_server.on("dot", answer, BOB)
    outcome = send_to_bob_between_others(make(smtp_server, clock, timeout=timedelta(seconds=0.3)))
    assert outcome == Unknown(f"no answer from the SMTP server after the message: {detail}")
    assert smtp_server.seen["connect"] == 2


@pytest.mark.parametrize("answer", ["354 still waiting", "what?", "250" + "x" * 9000])
def test_a_senseless_answer_after_the_final_dot_is_unknown(smtp: Smtp, smtp_server: SmtpServer, answer: str) -> None:
    smtp_server.on("dot", answer, BOB)
    assert isinstance(send_to_bob_between_others(smtp), Unknown)


@pytest.mark.parametrize("stage", ["rcpt", "data"])
def test_a_time_out_before_the_final_dot_is_a_refusal_for_now(
    smtp_server: SmtpServer, clock: VirtualClock, stage: str
) -> None:
    smtp_server.on(stage, HANG, BOB)
    outcome = send_to_bob_between_others(make(smtp_server, clock, timeout=timedelta(seconds=0.3)))
    assert outcome == Refused(False, "the SMTP server broke off: time-out")


@pytest.mark.parametrize("stage", ["rcpt", "dot"])
def test_a_server_that_says_goodbye_is_called_again(smtp: Smtp, smtp_server: SmtpServer, stage: str) -> None:
    smtp_server.on(stage, "421 4.3.2 shutting down", BOB)
    outcome = send_to_bob_between_others(smtp)
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert smtp_server.seen["connect"] == 2


def test_a_refusal_for_good_stays_one_even_if_the_server_then_hangs_up(smtp: Smtp, smtp_server: SmtpServer) -> None:
    smtp_server.on("rcpt", "550 5.1.1 unknown", BOB)
    smtp_server.on("rset", DROP, BOB)
    assert send_to_bob_between_others(smtp) == Refused(
        True, "the SMTP server refused the recipient: 550 5.1.1", cause=RefusalCause.DEAD_ADDRESS
    )


def test_a_server_that_breaks_off_three_times_in_a_row_is_left_alone(smtp: Smtp, smtp_server: SmtpServer) -> None:
    smtp_server.on("dot", DROP)
    outcomes = smtp.send_many([envelope(number) for number in range(5)])
    assert [type(outcome) for outcome in outcomes] == [Unknown] * 3 + [Refused] * 2
    assert smtp_server.seen["connect"] == 3


@pytest.mark.parametrize("answer", [HANG, DROP, "554 5.3.2 closed", "421 busy"])
def test_a_server_that_does_not_greet_is_tried_once_a_batch(
    smtp_server: SmtpServer, clock: VirtualClock, answer: str
) -> None:
    smtp_server.on("connect", answer)
    outcomes = make(smtp_server, clock, timeout=timedelta(seconds=0.3)).send_many([envelope(1), envelope(2)])
    assert [isinstance(outcome, Refused) and not outcome.permanent for outcome in outcomes] == [True, True]
    assert smtp_server.seen["connect"] == 1


def test_a_slow_server_cannot_hold_a_batch_beyond_its_patience(smtp_server: SmtpServer, clock: VirtualClock) -> None:
    minutes = count(step=60)
    smtp = make(smtp_server, clock, patience=timedelta(minutes=2), stopwatch=lambda: float(next(minutes)))
    outcomes = smtp.send_many([envelope(number) for number in range(4)])
    late = Refused(False, "not begun: the SMTP server is too slow")
    assert outcomes == [Accepted("M0"), Accepted("M1"), late, late]


def test_the_date_comes_from_the_clock(smtp: Smtp, smtp_server: SmtpServer, clock: VirtualClock) -> None:
    smtp.send_many([envelope(1)])
    assert smtp_server.received[0].message["Date"].datetime == clock.now()


def test_a_refused_login_is_told_as_a_matter_of_settings(smtp_server: SmtpServer, clock: VirtualClock) -> None:
    smtp_server.on("auth", "535 5.7.8 bad credentials for hello")
    smtp = make(smtp_server, clock, username="hello", password=PASSWORD)
    outcomes = smtp.send_many([envelope(1), envelope(2)])
    detail = (
        f"the SMTP server 127.0.0.1:{smtp_server.port} does not let dangol log in (535 5.7.8): "
        "check DANGOL_SMTP_USERNAME, DANGOL_SMTP_PASSWORD and DANGOL_SMTP_SECURITY"
    )
    assert outcomes == [Refused(False, detail, cause=RefusalCause.ACCOUNT)] * 2
    assert smtp_server.seen["mail"] == 0


def test_a_login_goes_before_the_first_message(smtp_server: SmtpServer, clock: VirtualClock) -> None:
    smtp = make(smtp_server, clock, username="hello", password=PASSWORD)
    assert smtp.send_many([envelope(1)]) == [Accepted("M1")]
    assert smtp_server.seen["auth"] == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for 127.0.0.1, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(params=["starttls", "tls"])
def encrypted(request: pytest.FixtureRequest, certificate: Path) -> Iterator[tuple[SmtpServer, str]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with SmtpServer(tls=context, implicit_tls=request.param == "tls") as server:
        yield server, request.param


def test_encryption_is_used_and_a_lost_answer_stays_unknown_under_it(
    encrypted: tuple[SmtpServer, str], certificate: Path, clock: VirtualClock
) -> None:
    server, security = encrypted
    server.on("dot", DROP, BOB)
    smtp = make(server, clock, security=security, tls_context=ssl.create_default_context(cafile=str(certificate)))
    assert isinstance(send_to_bob_between_others(smtp), Unknown)


def test_a_certificate_that_cannot_be_trusted_stops_everything(
    encrypted: tuple[SmtpServer, str], clock: VirtualClock
) -> None:
    server, security = encrypted
    (outcome,) = make(server, clock, security=security).send_many([envelope(1)])
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert "certificate" in outcome.detail.lower()
    assert not server.received


def test_a_server_without_starttls_gets_nothing_if_encryption_is_asked_for(
    smtp_server: SmtpServer, clock: VirtualClock
) -> None:
    (outcome,) = make(smtp_server, clock, security="starttls").send_many([envelope(1)])
    assert isinstance(outcome, Refused)
    assert "offers no STARTTLS: check DANGOL_SMTP_SECURITY" in outcome.detail
    assert smtp_server.seen["mail"] == 0
