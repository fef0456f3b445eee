"""DNS records of sender domains, asked of a name server of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from dangol.settings import Settings
from dangol.surfaces.doctor.finding import Finding, Verdict
from dangol.surfaces.doctor.names import Names, examine, sender_domains
from dangol.surfaces.doctor.visit import Visit

DOMAIN = "shop.example.com"
GOOD: Mapping[tuple[str, str], list[str]] = {
    (DOMAIN, "TXT"): ['"v=spf1 include:sendgrid.net ~all"', '"google-site-verification=x"'],
    (DOMAIN, "MX"): ["10 mx.example.com."],
    (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:d@shop.example.com"'],
    (f"s1._domainkey.{DOMAIN}", "CNAME"): ["s1.domainkey.u1.wl.sendgrid.net."],
    (f"s2._domainkey.{DOMAIN}", "CNAME"): ["s2.domainkey.u1.wl.sendgrid.net."],
}


class NameServer:
    """Answers over UDP from ``records``; everything else does not exist."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                query, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(query)), sender)

    def _answer(self, query: dns.message.Message) -> bytes:
        asked = query.question[0]
        kind = dns.rdatatype.to_text(asked.rdtype)
        found = self.records.get((asked.name.to_text(omit_final_dot=True), kind))
        response = dns.message.make_response(query)
        if found is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            response.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *found))
        return response.to_wire()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    made = NameServer()
    made.records.update(GOOD)
    yield made
    made.close()


def told(server: NameServer, carriers: list[str] | None = None) -> list[Finding]:
    return list(examine(DOMAIN, Names(server.address, 3.0), carriers or ["sendgrid"]))


def test_a_domain_with_everything_is_fine(server: NameServer) -> None:
    assert [one.verdict for one in told(server)] == [Verdict.FINE]


@pytest.mark.parametrize(
    ("name", "kind", "records", "verdict", "said"),
    [
        (DOMAIN, "TXT", None, Verdict.WARNING, "no SPF"),
        (DOMAIN, "TXT", ['"v=spf1 ~all"', '"v=spf1 -all"'], Verdict.PROBLEM, "2 SPF records"),
        (DOMAIN, "TXT", ['"v=spf1 " "+all"'], Verdict.PROBLEM, "lets everybody send"),
        (f"s2._domainkey.{DOMAIN}", "CNAME", None, Verdict.PROBLEM, f"not there: s2._domainkey.{DOMAIN}"),
        (f"s1._domainkey.{DOMAIN}", "CNAME", ["elsewhere.example.net."], Verdict.PROBLEM, "s1._domainkey"),
        (f"_dmarc.{DOMAIN}", "TXT", None, Verdict.PROBLEM, "no DMARC"),
        (f"_dmarc.{DOMAIN}", "TXT", ['"v=DMARC1; rua=mailto:a@b.example"'], Verdict.PROBLEM, "no policy"),
        (f"_dmarc.{DOMAIN}", "TXT", ['"v=DMARC1; p=none"'], Verdict.WARNING, "p=none"),
        (DOMAIN, "MX", None, Verdict.PROBLEM, "takes no mail"),
    ],
)
def test_what_is_not_right_is_told_with_the_record_to_add(
    server: NameServer, name: str, kind: str, records: list[str] | None, verdict: Verdict, said: str
) -> None:
    server.records.pop((name, kind))
    if records is not None:
        server.records[name, kind] = records
    (finding,) = told(server)
    assert (finding.verdict, said in finding.what) == (verdict, True), finding.what
    assert finding.why
    assert finding.fix


def test_the_policy_of_the_domain_above_holds_too(server: NameServer) -> None:
    server.records.pop((f"_dmarc.{DOMAIN}", "TXT"))
    server.records["_dmarc.example.com", "TXT"] = ['"v=DMARC1; p=reject"']
    assert [one.verdict for one in told(server)] == [Verdict.FINE]


def test_another_carrier_has_selectors_that_nobody_can_guess(server: NameServer) -> None:
    for selector in ("s1", "s2"):
        server.records.pop((f"{selector}._domainkey.{DOMAIN}", "CNAME"))
    assert [one.verdict for one in told(server, ["smtp"])] == [Verdict.FINE]


class InService(Visit):
    """A visit at an installation whose email comes from a domain."""

    domain = DOMAIN

    @property
    def releases(self) -> list[object]:  # type: ignore[override]
        class Brand:
            email = f"hello@{self.domain}"

        brand = Brand()
        return [type("Release", (), {"messages": type("M", (), {"voice": type("V", (), {"brand": brand})})})]


def visit(address: str, **given: object) -> InService:
    settings = Settings(_env_file=None).model_copy(update={"email_provider": "sendgrid"})
    return InService(settings, dns_server=address, timeout=0.3, **given)  # type: ignore[arg-type]


def test_a_server_that_does_not_answer_is_not_taken_for_fine() -> None:
    (finding,) = sender_domains(visit("127.0.0.1:1"))
    assert finding.verdict is Verdict.UNANSWERED
    assert "--dns-server" in finding.fix


def test_offline_nobody_is_asked() -> None:
    assert [one.verdict for one in sender_domains(visit("127.0.0.1:1", offline=True))] == [Verdict.SKIPPED]


def test_a_domain_that_nobody_can_own_is_a_problem(server: NameServer) -> None:
    asked = visit(server.address)
    asked.domain = "dangol.example"
    (finding,) = sender_domains(asked)
    assert finding.verdict is Verdict.PROBLEM
    assert "voice.yaml" in finding.fix


def test_the_domain_of_what_is_in_service_is_asked_about(server: NameServer) -> None:
    assert [one.verdict for one in sender_domains(visit(server.address))] == [Verdict.FINE]
