"""The DNS records of the domains that email comes from; without them mailboxes refuse or hide it."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parseaddr

import dns.exception
import dns.resolver

from dangol.model.vocabulary import Channel
from dangol.surfaces.doctor.finding import Finding, fine, problem, skipped, unanswered, warning
from dangol.surfaces.doctor.visit import Visit

_SENDGRID_SELECTORS = ("s1", "s2")
_MADE_UP = (".example", ".test", ".invalid", ".localhost")


class Names:
    """Asks for records; an empty list means that there are none."""

    def __init__(self, server: str, timeout: float) -> None:
        self._resolver = dns.resolver.Resolver(configure=not server)
        if server:
            host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "")
            self._resolver.nameservers = [host]
            self._resolver.port = int(port or 53)
        self._resolver.lifetime = timeout

    def ask(self, name: str, kind: str) -> list[str]:
        """The records. Raises dns.exception.DNSException if nobody could be asked."""
        try:
            answer = self._resolver.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        if kind == "TXT":
            return [b"".join(record.strings).decode(errors="replace") for record in answer]
        return [record.to_text().rstrip(".").lower() for record in answer]


def sender_domains(visit: Visit) -> Iterator[Finding]:
    """SPF, DKIM, DMARC and a place for replies, for every domain that email in service comes from."""
    carriers = [name for name in visit.chosen.get(Channel.EMAIL, []) if name != "mailbox"]
    if not carriers:
        yield skipped("email reaches nobody, it ends in the mailbox")
        return
    if visit.offline:
        yield skipped("left out, --offline")
        return
    domains = sorted({parseaddr(release.messages.voice.brand.email)[1].partition("@")[2] for release in visit.releases})
    if not domains:
        yield skipped("no campaign is in service")
    names = Names(visit.dns_server, visit.timeout)
    for domain in domains:
        if f".{domain}".endswith(_MADE_UP):
            yield problem(
                f"email comes from {domain}, which nobody can own",
                "every mailbox will refuse it",
                "set brand.email in templates/brand/voice.yaml to an address of your own, and deploy",
            )
            continue
        try:
            yield from examine(domain, names, carriers)
        except dns.exception.DNSException as error:
            yield unanswered(
                f"{domain}: its records could not be looked up ({type(error).__name__})",
                "nobody can tell from here whether mailboxes will take the email",
                "check this machine's DNS, or name a server: dangol doctor --dns-server 9.9.9.9",
            )


def examine(domain: str, names: Names, carriers: list[str]) -> Iterator[Finding]:
    """What mailboxes will find when they look this domain up. Raises dns.exception.DNSException."""
    found = [*_spf(domain, names), *_dkim(domain, names, carriers), *_dmarc(domain, names), *_replies(domain, names)]
    yield from found or [fine(f"{domain}: SPF, DKIM and DMARC are there, and replies arrive")]


def _spf(domain: str, names: Names) -> Iterator[Finding]:
    records = [text for text in names.ask(domain, "TXT") if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        yield warning(
            f"{domain} has no SPF record",
            "it says which servers may send in this name; mailboxes trust a domain without one less",
            f'add a TXT record at {domain}: "v=spf1 include:… ~all", with what your carrier tells you to include',
        )
    elif len(records) > 1:
        yield problem(
            f"{domain} has {len(records)} SPF records",
            "with more than one, none counts",
            "merge them into one: all include: parts, then one ~all",
        )
    elif records[0].lower().endswith(("+all", " all")):
        yield problem(
            f"the SPF record of {domain} lets everybody send (+all)",
            "anybody can write in your name, and mailboxes take it as a sign of fraud",
            "end it with ~all or -all",
        )


def _dkim(domain: str, names: Names, carriers: list[str]) -> Iterator[Finding]:
    if "sendgrid" not in carriers:
        return
    lacking = []
    for selector in _SENDGRID_SELECTORS:
        targets = names.ask(f"{selector}._domainkey.{domain}", "CNAME")
        if not any(target.endswith(".sendgrid.net") for target in targets):
            lacking.append(selector)
    if lacking:
        told = " and ".join(f"{selector}._domainkey.{domain}" for selector in lacking)
        yield problem(
            f"SendGrid's DKIM records are not there: {told}",
            "email is not signed in your name; large mailboxes refuse such bulk mail, and DMARC fails",
            "in SendGrid, Settings, Sender Authentication: authenticate the domain, and add the CNAME records it shows",
        )


def _dmarc(domain: str, names: Names) -> Iterator[Finding]:
    policy = _policy(domain, names)
    if policy is None:
        yield problem(
            f"{domain} has no DMARC record",
            "large mailboxes refuse or hide bulk mail from domains without one",
            f'add a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"; read the reports, '
            "then move on to p=quarantine",
        )
    elif policy.get("p") not in {"none", "quarantine", "reject"}:
        yield problem(
            f"the DMARC record of {domain} has no policy",
            "mailboxes pass over a record without a p=",
            "write p=none, p=quarantine or p=reject right behind v=DMARC1",
        )
    elif policy["p"] == "none":
        yield warning(
            f"the DMARC policy of {domain} is p=none",
            "forged mail in your name is delivered; that is right only as long as you read reports and mend senders",
            "once the reports are clean, move on to p=quarantine",
        )


def _policy(domain: str, names: Names) -> dict[str, str] | None:
    """The tags of the DMARC record that holds for the domain: its own or that of one above it (RFC 7489, 6.6.3)."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        for text in names.ask(f"_dmarc.{'.'.join(labels[start:])}", "TXT"):
            if text.replace(" ", "").lower().startswith("v=dmarc1"):
                tags = (tag.partition("=") for tag in text.split(";"))
                return {name.strip().lower(): value.strip().lower() for name, _, value in tags}
    return None


def _replies(domain: str, names: Names) -> Iterator[Finding]:
    if not names.ask(domain, "MX") and not names.ask(domain, "A"):
        yield problem(
            f"{domain} takes no mail: it has no MX record",
            "replies, and mails that ask to be left alone, are lost; some mailboxes refuse such senders",
            f"add an MX record at {domain}, and read what arrives",
        )
