"""Calls to other systems, against a receiver on this machine: what each answer means, and what goes over the wire."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dangol.clock import VirtualClock
from dangol.delivery.addresses import AddressGuard
from dangol.delivery.signatures import Signer, new_secret
from dangol.delivery.webhooks import Call, Forbidden, HttpCaller, NoCalls
from dangol.model.message import Accepted, Outcome, Refused, Unknown
from tests.receiver import Answer, Receiver, raw, receiver, status

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = bytes(range(32))
BODY = json.dumps({"data": {"payload": {"cart": "secret-cart"}}}).encode()
PATIENT = timedelta(seconds=10)
SHORT = timedelta(seconds=1.5)
"""Where the end of patience is what a test is about. Long enough for a receiver that answers, on a busy machine."""
MakeCaller = Callable[..., HttpCaller]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def crm() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
def caller(clock: VirtualClock) -> MakeCaller:
    def make(allow: str = "127.0.0.0/8", **given: object) -> HttpCaller:
        guard = given.pop("guard", None) or AddressGuard(allow)
        options = {"connect_timeout": PATIENT, "timeout": PATIENT, **given}
        return HttpCaller(Signer(new_secret(KEY)), guard, clock=clock, **options)  # type: ignore[arg-type]

    return make


def call(url: str, **fields: object) -> Call:
    given: dict[str, object] = {"id": "01CALL", "url": url, "body": BODY, "not_after": NOW + timedelta(hours=1)}
    return Call(**{**given, **fields})  # type: ignore[arg-type]


# What an answer means.


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_2xx_says_that_the_receiver_has_it(crm: Receiver, caller: MakeCaller, code: int) -> None:
    crm.answers = [status(code)]
    assert caller().call(call(crm.url)) == Accepted(f"answered {code}")


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_the_receiver_could_not_take_is_called_again(crm: Receiver, caller: MakeCaller, code: int) -> None:
    crm.answers = [status(code)]
    assert caller().call(call(crm.url)) == Refused(permanent=False, detail=f"answered {code}")


@pytest.mark.parametrize("code", [301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422])
def test_what_will_not_be_different_next_time_is_refused_for_good(crm: Receiver, caller: MakeCaller, code: int) -> None:
    crm.answers = [status(code)]
    outcome = caller().call(call(crm.url))
    assert outcome == Refused(permanent=True, detail=f"answered {code}")
    assert not isinstance(outcome, Forbidden)


def test_a_redirect_is_not_followed(crm: Receiver, caller: MakeCaller) -> None:
    crm.answers = [status(307, location=f"{crm.url}/elsewhere"), status(200)]
    assert caller().call(call(f"{crm.url}/hook")) == Refused(permanent=True, detail="answered 307")
    assert [request.path for request in crm.received] == ["/hook"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("7", timedelta(seconds=7)),
        ("Mon, 02 Mar 2026 09:01:30 GMT", timedelta(seconds=90)),
        ("Mon, 02 Mar 2026 08:00:00 GMT", timedelta()),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_heard_in_seconds_or_as_a_date(
    crm: Receiver, caller: MakeCaller, code: int, asked: str, expected: timedelta | None
) -> None:
    crm.answers = [status(code, retry_after=asked)]
    outcome = caller().call(call(crm.url))
    assert outcome == Refused(permanent=False, detail=f"answered {code}", retry_after=expected)


def test_no_connection_means_nothing_was_sent(caller: MakeCaller) -> None:
    with socket.socket() as taken:  # bound and not listening, so that nobody else takes it meanwhile
        taken.bind(("127.0.0.1", 0))
        outcome = caller().call(call(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert outcome == Refused(permanent=False, detail="not reached: Connection refused")


def test_a_name_that_does_not_resolve_is_tried_again(caller: MakeCaller) -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    outcome = caller(guard=AddressGuard(resolve=nowhere)).call(call("https://crm.example"))
    assert outcome == Refused(permanent=False, detail="the host's name does not resolve: Name or service not known")


def test_silence_after_the_call_was_sent_is_doubt(crm: Receiver, caller: MakeCaller) -> None:
    crm.answers = [crm.hangs]
    answer = caller(timeout=SHORT).call(call(crm.url))
    assert answer == Unknown("no answer after the call had begun: it took too long")
    assert len(crm.received) == 1


def test_an_answer_that_drips_in_for_ever_is_cut_off(crm: Receiver, caller: MakeCaller) -> None:
    crm.answers = [crm.drips(b"HTTP/1.1 "), crm.drips(b"HTTP/1.1 200 OK\r\n\r\n")]
    dripping, said_yes = (caller(timeout=SHORT).send_many([call(crm.url)]) for _ in range(2))
    assert dripping == [Unknown("no answer after the call had begun: it took too long")]
    assert said_yes == [Accepted("answered 200")]


@pytest.mark.parametrize("garbled", [b"", b"HTTP/1.1 ", b"220 smtp.example\r\n", b"HTTP/1.1 999 Odd\r\n\r\n"])
def test_an_answer_that_makes_no_sense_is_doubt(crm: Receiver, caller: MakeCaller, garbled: bytes) -> None:
    crm.answers = [raw(garbled)]
    assert isinstance(caller().call(call(crm.url)), Unknown)


def test_an_answer_counts_although_its_body_breaks_off_or_never_ends(crm: Receiver, caller: MakeCaller) -> None:
    broken = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    endless = raw(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1_000_000))
    crm.answers = [broken, endless]
    assert caller().send_many([call(crm.url), call(crm.url)]) == [Accepted("answered 200")] * 2


def test_a_call_whose_time_is_over_is_not_begun(crm: Receiver, caller: MakeCaller, clock: VirtualClock) -> None:
    clock.advance(timedelta(hours=1))
    assert caller().call(call(crm.url)) == Refused(permanent=False, detail="not begun: the time for it is over")
    assert crm.received == []


def test_outcomes_come_in_the_order_of_the_calls_and_one_slow_receiver_spoils_no_other(
    crm: Receiver, caller: MakeCaller
) -> None:
    def by_path(request: object) -> None:
        answers: dict[str, Answer] = {"/slow": crm.hangs, "/busy": status(503)}
        answers.get(request.path, status(200))(request)  # type: ignore[attr-defined, arg-type]

    crm.answers = [by_path]
    paths = ["/a", "/slow", "/busy", *(f"/{number}" for number in range(30))]
    outcomes = caller(timeout=SHORT).send_many([call(crm.url + path) for path in paths])
    kinds: list[type[Outcome]] = [Accepted, Unknown, Refused, *[Accepted] * 30]
    assert [type(outcome) for outcome in outcomes] == kinds


def test_a_bug_of_ours_makes_one_call_unknown_and_no_other(crm: Receiver, caller: MakeCaller) -> None:
    broken = call(crm.url, body=None)
    outcomes = caller().send_many([broken, call(crm.url)])
    assert outcomes == [Unknown("the call failed here: TypeError"), Accepted("answered 200")]


def test_no_calls_accepts_and_calls_nobody(crm: Receiver) -> None:
    assert NoCalls().send_many([call(crm.url), call(crm.url)]) == [Accepted(), Accepted()]
    assert crm.received == []


# What goes over the wire.


def test_the_body_is_posted_as_json_with_the_hosts_own_name(crm: Receiver, caller: MakeCaller) -> None:
    guard = AddressGuard("crm.test", resolve=lambda _host, _port: ["127.0.0.1"])
    caller(guard=guard).call(call(f"http://CRM.test:{crm.port}/hook/ü?token=a%20b"))
    (request,) = crm.received
    assert request.path == "/hook/%C3%BC?token=a%20b"
    assert request.body == BODY
    assert request.headers["host"] == f"crm.test:{crm.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("dangol/")


def test_signed_as_standard_webhooks_says(crm: Receiver, caller: MakeCaller) -> None:
    caller().call(call(crm.url))
    headers = crm.received[0].headers
    assert headers["webhook-id"] == "01CALL"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + crm.received[0].body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_every_attempt_has_the_same_id_and_its_own_time(crm: Receiver, caller: MakeCaller, clock: VirtualClock) -> None:
    caller().call(call(crm.url))
    clock.advance(timedelta(minutes=5))
    caller().call(call(crm.url))
    first, second = (request.headers for request in crm.received)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 300
    assert first["webhook-signature"] != second["webhook-signature"]


def test_no_proxy_of_the_environment_is_used(
    crm: Receiver, caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert caller().call(call(crm.url)) == Accepted("answered 200")


def test_nothing_that_was_sent_or_came_back_is_told(crm: Receiver, caller: MakeCaller) -> None:
    crm.answers = [
        status(422, body=BODY),
        status(500, body=BODY, x_echo="secret-cart"),
        raw(b"HTTP/1.1 secret-cart\r\n\r\n"),
        raw(b"secret-cart\r\n"),
        status(200, body=BODY),
    ]
    with structlog.testing.capture_logs() as logged:
        outcomes = [caller().call(call(f"{crm.url}/?token=hidden")) for _ in range(5)]
        broken = caller().call(call(f"{crm.url}/?token=hidden", not_after=None))
    assert isinstance(broken, Unknown)
    assert logged
    told = repr((outcomes, broken, logged))
    for hidden in ("secret-cart", "hidden", "whsec", base64.b64encode(KEY).decode()):
        assert hidden not in told


# Where a call may go.


def test_a_private_address_is_not_called(crm: Receiver, caller: MakeCaller) -> None:
    outcome = caller(allow="").call(call(crm.url))
    detail = "127.0.0.1 is at 127.0.0.1, which is not a public address; see DANGOL_WEBHOOK_ALLOW"
    assert outcome == Forbidden(permanent=True, detail=detail)
    assert crm.received == []


def test_a_name_server_that_changes_its_mind_changes_nothing(crm: Receiver, caller: MakeCaller) -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []

    def fickle(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers.pop(0)

    rebinding = caller(guard=AddressGuard("127.0.0.1", resolve=fickle))
    assert rebinding.call(call(f"http://crm.test:{crm.port}")) == Accepted("answered 200")
    assert asked == ["crm.test"]
    assert isinstance(rebinding.call(call(f"http://crm.test:{crm.port}")), Forbidden)
    assert len(crm.received) == 1


def test_of_several_addresses_the_next_is_tried(crm: Receiver, caller: MakeCaller) -> None:
    guard = AddressGuard("127.0.0.0/8", resolve=lambda _host, _port: ["127.0.0.99", "127.0.0.1"])
    assert caller(guard=guard).call(call(f"http://crm.test:{crm.port}")) == Accepted("answered 200")


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for crm.test and 127.0.0.1, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "crm.test")])
    names: list[x509.GeneralName] = [x509.DNSName("crm.test"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + made.public_bytes(pem))
    return path


@pytest.fixture
def secure_crm(certificate: Path) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with receiver(context) as listening:
        yield listening


def at_home(host: str) -> AddressGuard:
    return AddressGuard(host, resolve=lambda _host, _port: ["127.0.0.1"])


@pytest.mark.parametrize("host", ["crm.test", "127.0.0.1"])
def test_https_asks_for_the_hosts_own_certificate(
    secure_crm: Receiver, caller: MakeCaller, certificate: Path, host: str
) -> None:
    trusting = caller(guard=at_home(host), tls=ssl.create_default_context(cafile=str(certificate)))
    assert trusting.call(call(f"https://{host}:{secure_crm.port}/hook")) == Accepted("answered 200")
    assert secure_crm.received[0].headers["host"] == f"{host}:{secure_crm.port}"


def test_https_with_a_certificate_for_another_host_sends_nothing(
    secure_crm: Receiver, caller: MakeCaller, certificate: Path
) -> None:
    trusting = caller(guard=at_home("other.test"), tls=ssl.create_default_context(cafile=str(certificate)))
    outcome = trusting.call(call(f"https://other.test:{secure_crm.port}"))
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert "no TLS, so nothing was sent: the certificate is not good" in outcome.detail
    assert secure_crm.received == []


def test_https_with_a_certificate_that_nobody_vouches_for_sends_nothing(
    secure_crm: Receiver, caller: MakeCaller
) -> None:
    outcome = caller(guard=at_home("crm.test")).call(call(f"https://crm.test:{secure_crm.port}"))
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert secure_crm.received == []


def test_https_to_one_who_does_not_speak_tls_sends_nothing(crm: Receiver, caller: MakeCaller) -> None:
    outcome = caller(guard=at_home("crm.test")).call(call(f"https://crm.test:{crm.port}"))
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert crm.received == []


def test_a_handshake_that_never_comes_is_cut_off_and_nothing_was_sent(caller: MakeCaller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        quick = caller(guard=at_home("crm.test"), timeout=SHORT)
        outcome = quick.call(call(f"https://crm.test:{silent.getsockname()[1]}"))
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
