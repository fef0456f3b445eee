"""The transport says of every request what is known: answered, not sent, or broken, whatever the server does."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dangol.clock import VirtualClock
from dangol.delivery.http.messages import Answer, Broken, Limits, NotSent, Reply, Request
from dangol.delivery.http.pool import Batch
from dangol.delivery.http.transport import Transport
from dangol.errors import DangolError
from tests.misbehaving import OK, Line, Server, answers, misbehaving

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG, SHORT = timedelta(seconds=20), timedelta(seconds=0.2)
PATIENT = Limits(connect=LONG, tls=LONG, read=LONG, total=LONG)


@pytest.fixture
def server() -> Iterator[Server]:
    with misbehaving() as server:
        yield server


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = make()
    yield transport
    transport.close()


def make(*, at: datetime = NOW, **limits: Any) -> Transport:
    return Transport(clock=VirtualClock(at), limits=Limits(**{**_fields(PATIENT), **limits}))


def _fields(limits: Limits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in Limits.__dataclass_fields__}


def ask(transport: Transport, server: Server, count: int = 1, **fields: Any) -> list[Answer]:
    return transport.exchange([Request(server.url, **{"body": b"hello", **fields}) for _ in range(count)])


def test_a_request_arrives_as_it_was_given_and_its_answer_comes_back(transport: Transport, server: Server) -> None:
    (reply,) = ask(transport, server, headers={"X-One": "1"})
    assert reply == Reply(202, {"x-message-id": "one", "content-length": "2"}, b"hi")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[:2] == ["POST /send?a=b HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
    assert {"X-One: 1", "Content-Length: 5", "Accept-Encoding: identity"} <= set(lines)
    assert body == b"hello"


def test_answers_come_in_the_order_of_the_requests(transport: Transport, server: Server) -> None:
    def echoes(line: Line) -> None:
        while True:
            body = line.request().partition(b"\r\n\r\n")[2]
            line.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server.scripts = [echoes]
    asked = [str(number).encode() for number in range(300)]
    replies = transport.exchange([Request(server.url, body) for body in asked])
    assert [reply.body for reply in replies if isinstance(reply, Reply)] == asked


def test_connections_are_used_again(transport: Transport, server: Server) -> None:
    for _ in range(20):
        ask(transport, server)
    assert server.connections == 1


def test_no_more_connections_are_opened_than_allowed(server: Server) -> None:
    transport = make(connections=3)
    assert len(ask(transport, server, 100)) == len(server.requests) == 100
    assert server.connections <= 3
    transport.close()


def test_a_server_that_is_not_there_has_got_nothing(transport: Transport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        answers = transport.exchange([Request(url)] * 40)
    assert answers == [NotSent("not reached: Connection refused")] * 40


def test_a_host_without_an_address_has_got_nothing() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    transport = Transport(clock=VirtualClock(NOW), resolve=nowhere)
    assert transport.exchange([Request("http://carrier.example/")]) == [
        NotSent("not reached: Name or service not known")
    ]
    transport.close()


def test_who_finds_the_addresses_may_refuse() -> None:
    def refuses(host: str, port: int) -> list[str]:
        raise DangolError(f"{host} is nobody to be called")

    transport = Transport(clock=VirtualClock(NOW), resolve=refuses)
    assert transport.exchange([Request("http://carrier.example/")]) == [
        NotSent("not reached: carrier.example is nobody to be called")
    ]
    transport.close()


def test_the_next_address_is_tried_when_one_does_not_answer(server: Server) -> None:
    transport = Transport(clock=VirtualClock(NOW), resolve=lambda host, port: ["127.0.0.99", "127.0.0.1"])
    (reply,) = transport.exchange([Request(f"http://carrier.example:{server.port}/")])
    assert isinstance(reply, Reply)
    transport.close()


def test_a_connection_that_takes_too_long_has_carried_nothing() -> None:
    with socket.socket() as deaf:  # whose queue is full: connecting to it takes for ever
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        transport = make(connect=SHORT)
        assert transport.exchange([Request(f"http://127.0.0.1:{port}/")]) == [NotSent("not reached: it took too long")]
        transport.close()
        for one in waiting:
            one.close()


RUDE = {
    "resets after the head": lambda line: (line.head(), line.reset()),
    "hangs up after the body": lambda line: line.request() and None,
    "resets after the body": lambda line: (line.request(), line.reset()),
    "says half a status": lambda line: line.answer(b"HTTP/1.1 20"),
    "says half a head": lambda line: line.answer(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: on"),
    "says junk": lambda line: line.answer(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "says a length and chunks": lambda line: line.answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    ),
    "says no more than 100 Continue": lambda line: line.answer(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "changes the protocol": lambda line: line.answer(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    ),
    "says a head without end": lambda line: line.answer(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000),
    "says 100 Continue without end": lambda line: line.answer(b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000),
}


@pytest.mark.parametrize("script", RUDE.values(), ids=RUDE.keys())
def test_a_request_without_a_status_is_broken_and_never_sent_again(
    transport: Transport, server: Server, script: Any
) -> None:
    server.scripts = [script, answers]
    assert [type(answer) for answer in ask(transport, server)] == [Broken]
    assert [type(answer) for answer in ask(transport, server)] == [Reply]
    assert server.connections == 2


@pytest.mark.parametrize("script", [lambda line: line.socket.close(), Line.reset], ids=["closes", "resets"])
def test_a_server_that_hangs_up_at_once_is_given_up(transport: Transport, server: Server, script: Any) -> None:
    """Whether a request had begun by then is a matter of microseconds."""
    server.scripts = [script]
    assert {type(answer) for answer in ask(transport, server, 20)} <= {NotSent, Broken}
    assert server.connections < 100
    assert not server.requests


def test_silence_and_drops_that_never_end_are_broken_in_time(server: Server) -> None:
    def drips(line: Line) -> None:
        line.answer(b"HTTP/1.1 200")
        while not line.over.wait(0.01):
            line.say(b" ")

    for script, limits in ((lambda line: (line.request(), line.hang()), {"read": SHORT}), (drips, {"total": SHORT})):
        server.scripts = [script]
        transport = make(**limits)
        (answer,) = ask(transport, server)
        assert isinstance(answer, Broken)
        assert "0.2 s" in answer.reason
        transport.close()


def test_a_server_that_never_reads_the_body_is_broken_in_time(server: Server) -> None:
    server.scripts = [lambda line: (line.head(), line.hang())]
    transport = make(read=SHORT)
    assert ask(transport, server, body=b"x" * 20_000_000) == [Broken("silence for 0.2 s")]
    transport.close()


HALF = {
    "a body shorter than its length": b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhi",
    "chunks without an end": b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
    "chunks that make no sense": b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n",
}


@pytest.mark.parametrize("text", HALF.values(), ids=HALF.keys())
def test_a_status_counts_even_if_the_body_breaks_off(transport: Transport, server: Server, text: bytes) -> None:
    server.scripts = [lambda line: line.answer(text), answers]
    (reply,) = ask(transport, server)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.whole) == (202, b"hi", False)
    assert ask(transport, server) == [Reply(202, {"x-message-id": "one", "content-length": "2"}, b"hi")]


def test_a_status_counts_even_if_the_body_hangs(server: Server) -> None:
    server.scripts = [lambda line: (line.answer(HALF["a body shorter than its length"]), line.hang())]
    transport = make(read=SHORT)
    (reply,) = ask(transport, server)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.whole) == (202, False)
    transport.close()


def test_no_more_of_an_answer_is_read_than_allowed(server: Server) -> None:
    def huge(line: Line) -> None:
        line.answer(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            line.say(b"x" * 100_000)

    server.scripts = [huge]
    transport = make(answer=250_000)
    (reply,) = ask(transport, server)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.whole) == (202, False)
    assert len(reply.body) <= 250_000
    transport.close()


def test_an_answer_in_one_piece_that_is_longer_than_allowed_is_cut_off(server: Server) -> None:
    server.scripts = [lambda line: line.answer(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n" + b"x" * 9)]
    transport = make(answer=8)
    (reply,) = ask(transport, server)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.whole) == (202, False)
    transport.close()


WHOLE = {
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
    "100 and 103 first": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "an offer of another protocol": b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
    b"Content-Length: 2\r\n\r\nhi",
    "more than one answer": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "more than its length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi there",
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE.keys())
def test_every_way_to_write_an_answer_is_understood(transport: Transport, server: Server, text: bytes) -> None:
    def says(line: Line) -> None:
        """A server that hung up while the next request is on its way would leave that one in doubt, rightly."""
        line.answer(text)
        if text != WHOLE["until the end"]:
            answers(line)

    server.scripts = [says, answers]
    (reply,) = ask(transport, server)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.whole) == (200, b"hi", True)
    assert "link" not in reply.headers
    assert [type(answer) for answer in ask(transport, server)] == [Reply]


def test_an_answer_that_comes_byte_by_byte_is_understood(transport: Transport, server: Server) -> None:
    def slow(line: Line) -> None:
        line.request()
        for place in range(len(OK)):
            line.say(OK[place : place + 1])

    server.scripts = [slow]
    assert ask(transport, server) == [Reply(202, {"x-message-id": "one", "content-length": "2"}, b"hi")]


def test_a_redirect_is_not_followed(transport: Transport, server: Server) -> None:
    there = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {server.url}\r\nContent-Length: 0\r\n\r\n"
    server.scripts = [lambda line: line.answer(there.encode())]
    (reply,) = ask(transport, server)
    assert isinstance(reply, Reply)
    assert reply.status == 307
    assert len(server.requests) == 1


@pytest.mark.parametrize("goodbye", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_an_idle_connection_that_the_server_closed_is_replaced_in_silence(
    transport: Transport, server: Server, goodbye: bytes
) -> None:
    closed = threading.Event()

    def closes(line: Line) -> None:
        line.answer()
        if goodbye:
            line.say(goodbye)
        line.socket.shutdown(socket.SHUT_RDWR)
        closed.set()

    server.scripts = [closes, answers]
    assert [type(answer) for answer in ask(transport, server)] == [Reply]
    assert closed.wait(5)
    assert [type(answer) for answer in ask(transport, server)] == [Reply]
    assert server.connections == 2


def test_a_connection_is_closed_once_nobody_used_it_for_long(server: Server) -> None:
    gone = threading.Event()

    def watches(line: Line) -> None:
        line.answer()
        try:
            line.request()
        except ConnectionError:
            gone.set()

    server.scripts = [watches]
    transport = make(keep=timedelta(seconds=0.01))
    ask(transport, server)
    assert gone.wait(5)
    transport.close()


def test_a_server_that_turns_down_a_further_connection_still_gets_everything(server: Server) -> None:
    server.scripts = [answers, Line.reset]
    transport = make(connections=2)
    kinds = {type(answer) for answer in ask(transport, server, 1)}
    assert kinds == {Reply}
    transport.close()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"headers": {"X": "a\r\nBcc: b"}}, "header X holds what no header may hold"),
        ({"headers": {"X": "한글"}}, "header X holds what no header may hold"),
        ({"headers": {"X:": "a"}}, "a header's name is not a header name"),
        ({"headers": {"content-length": "3"}}, "header content-length is set by the transport"),
        ({"method": "POST /"}, "the method is no HTTP method"),
    ],
)
def test_what_cannot_be_written_is_not_sent_and_harms_no_other(
    transport: Transport, server: Server, fields: dict[str, Any], reason: str
) -> None:
    refused, fine = transport.exchange([Request(server.url, **fields), Request(server.url)])
    assert refused == NotSent(reason)
    assert isinstance(fine, Reply)


@pytest.mark.parametrize("url", ["ftp://a/", "http:///x", "http://a b/", "http://u:p@a/", "http://a:99999/", "x"])
def test_what_is_no_url_is_not_sent(transport: Transport, url: str) -> None:
    (answer,) = transport.exchange([Request(url)])
    assert isinstance(answer, NotSent)
    assert "URL" in answer.reason


def test_what_is_too_late_when_its_turn_comes_is_not_sent(server: Server) -> None:
    transport = make(connections=1)
    clock = transport._clock
    assert isinstance(clock, VirtualClock)

    def passes_time(line: Line) -> None:
        line.request()
        clock.advance(timedelta(minutes=1))
        line.say(OK)
        answers(line)

    server.scripts = [passes_time]
    soon, later = NOW + timedelta(seconds=30), NOW + timedelta(hours=1)
    got = transport.exchange([Request(server.url, not_after=end) for end in (soon, soon, later)])
    assert [type(answer) for answer in got] == [Reply, NotSent, Reply]
    assert got[1] == NotSent("too late", late=True)
    assert len(server.requests) == 2
    transport.close()


def test_what_has_not_begun_within_the_patience_is_not_sent(server: Server) -> None:
    server.scripts = [lambda line: (line.request(), line.hang())]
    transport = make(connections=1, read=timedelta(seconds=0.5))
    got = transport.exchange([Request(server.url)] * 2, patience=SHORT)
    assert [type(answer) for answer in got] == [Broken, NotSent]
    assert len(server.requests) == 1
    transport.close()


def test_a_small_batch_does_not_wait_for_a_large_one_that_hangs(server: Server) -> None:
    full = threading.Semaphore(0)

    def hangs_for_large(line: Line) -> None:
        while True:
            if line.request().endswith(b"large"):
                full.release()
                line.hang()
            line.say(OK)

    server.scripts = [hangs_for_large]
    transport = make(connections=16)
    with ThreadPoolExecutor() as threads:
        large = threads.submit(ask, transport, server, 500, body=b"large")
        for _ in range(14):  # two are kept
            assert full.acquire(timeout=10)
        assert [type(answer) for answer in ask(transport, server, 2)] == [Reply] * 2
        transport.close()
        assert {type(answer) for answer in large.result()} == {Broken, NotSent}


def test_batches_take_turns(server: Server) -> None:
    """On one connection, a batch of two is over long before one of two hundred that came first."""
    begun = threading.Event()

    def tells(line: Line) -> None:
        while True:
            line.request()
            begun.set()
            line.say(OK)

    server.scripts = [tells]
    transport = make(connections=1)
    with ThreadPoolExecutor() as threads:
        large = threads.submit(ask, transport, server, 2000, body=b"large")
        assert begun.wait(10)
        ask(transport, server, 2, body=b"small")
        before = [place for place, one in enumerate(server.requests) if one.endswith(b"small")]
        assert len(large.result()) == 2000
    assert before[1] - before[0] <= 2
    assert before[1] < 1999
    transport.close()


def test_closing_breaks_what_is_under_way_and_sends_nothing_more(server: Server) -> None:
    arrived = threading.Event()
    server.scripts = [lambda line: (line.request(), arrived.set(), line.hang())]
    transport = make(connections=1)
    with ThreadPoolExecutor() as threads:
        under_way = threads.submit(ask, transport, server, 2)
        assert arrived.wait(10)
        transport.close()
        assert under_way.result(10) == [Broken("dangol is stopping"), NotSent("not begun: dangol is stopping")]
    transport.close()
    assert ask(transport, server) == [NotSent("not begun: dangol is stopping")]
    assert len(server.requests) == 1


def test_who_is_interrupted_while_waiting_takes_back_what_has_not_begun(server: Server) -> None:
    arrived, let_go = threading.Event(), threading.Event()

    def waits(line: Line) -> None:
        line.request()
        arrived.set()
        let_go.wait(10)
        line.say(OK)
        answers(line)

    server.scripts = [waits]
    transport = make(connections=1)

    class Stop(BaseException):
        """As a signal raises it."""

    class Bell(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert arrived.wait(10)
            raise Stop

    class Interrupted(Batch):
        def __init__(self, size: int) -> None:
            super().__init__(size)
            self.done = Bell()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dangol.delivery.http.transport.Batch", Interrupted)
        with pytest.raises(Stop):
            ask(transport, server, 5)
    let_go.set()
    assert [type(answer) for answer in ask(transport, server)] == [Reply]
    assert len(server.requests) == 2
    transport.close()


def test_a_process_that_was_forked_off_has_connections_of_its_own(transport: Transport, server: Server) -> None:
    ask(transport, server)
    child = os.fork()
    if not child:
        os._exit(0 if isinstance(ask(transport, server)[0], Reply) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.connections == 2


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


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with misbehaving(context) as server:
        yield server


@pytest.fixture
def trusting(certificate: Path) -> Iterator[Transport]:
    transport = Transport(
        clock=VirtualClock(NOW), limits=PATIENT, tls=ssl.create_default_context(cafile=str(certificate))
    )
    yield transport
    transport.close()


def test_under_tls_requests_arrive_and_connections_are_used_again(trusting: Transport, encrypted: Server) -> None:
    for _ in range(5):
        assert [type(answer) for answer in ask(trusting, encrypted)] == [Reply]
    assert encrypted.connections == 1


def test_under_tls_a_closed_idle_connection_is_replaced_in_silence(trusting: Transport, encrypted: Server) -> None:
    closed = threading.Event()

    def closes(line: Line) -> None:
        line.answer()
        line.socket.close()
        closed.set()

    encrypted.scripts = [closes, answers]
    assert [type(answer) for answer in ask(trusting, encrypted)] == [Reply]
    assert closed.wait(5)
    assert [type(answer) for answer in ask(trusting, encrypted)] == [Reply]


def test_under_tls_a_lost_answer_is_broken(trusting: Transport, encrypted: Server) -> None:
    encrypted.scripts = [lambda line: (line.request(), line.reset())]
    assert [type(answer) for answer in ask(trusting, encrypted)] == [Broken]


def test_a_certificate_that_nobody_vouches_for_gets_nothing(transport: Transport, encrypted: Server) -> None:
    answer, *_ = ask(transport, encrypted, 20)
    assert answer == NotSent("no TLS, so nothing was sent: the certificate is not good: self-signed certificate")
    assert not encrypted.requests


def test_a_server_without_tls_where_tls_is_due_gets_nothing(transport: Transport, server: Server) -> None:
    server.scripts = [lambda line: line.say(b"220 smtp.example.com ESMTP\r\n")]
    (answer,) = transport.exchange([Request(server.url.replace("http", "https"))])
    assert isinstance(answer, NotSent)
    assert answer.reason.startswith("no TLS")


def test_a_handshake_that_hangs_has_carried_nothing(server: Server) -> None:
    server.scripts = [Line.hang]
    transport = make(tls=SHORT)
    (answer,) = transport.exchange([Request(server.url.replace("http", "https"))])
    assert answer == NotSent("no TLS, so nothing was sent: it took too long")
    transport.close()
