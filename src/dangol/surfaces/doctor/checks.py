"""All checks, in the order in which they are told; docs/doctor.md lists the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dangol.errors import DangolError
from dangol.surfaces.doctor import broker, carriers, database, names, rates, settings, web, work
from dangol.surfaces.doctor.finding import Finding, Verdict, skipped, unanswered
from dangol.surfaces.doctor.visit import NotAsked, Visit


@dataclass(frozen=True, slots=True)
class Check:
    """``looks_at`` completes the sentence "It looks at …"."""

    name: str
    looks_at: str
    run: Callable[[Visit], Iterable[Finding]]


CHECKS = (
    Check("settings", "settings that contradict each other", settings.contradictions),
    Check("keys", "keys that are short, or kept beside what they protect", settings.keys),
    Check("disk", "whether the home folder can be written and has room", work.disk),
    Check("database", "whether the database answers, with the schema of this release", database.reachable),
    Check("server", "the database server's version, role and durability, and poolers in between", database.server),
    Check("connections", "whether there are connections for every process", database.connections),
    Check("clock", "whether this machine and the database server agree on the time", database.clock),
    Check("insert-only", "whether consents and log still refuse changes", database.insert_only),
    Check("broker", "whether the broker answers, never evicts and keeps what it is told", broker.broker),
    Check("scheduler", "whether a scheduler leads", work.scheduler),
    Check("backlog", "how long the oldest due message has waited", work.backlog),
    Check("rates", "whether rates carry what waits and what comes due within a day", rates.rates),
    Check("campaigns", "whether every version in service can be run", work.in_service),
    Check("proof", "whether the latest hand-overs in the log can be proven", work.proof),
    Check("health", "what a web process says of itself", web.health),
    Check("public-url", "whether recipients reach their pages, and nobody the staff's", web.public_url),
    Check("hooks", "whether carriers reach the place they report to, and the unsigned are refused", web.hooks),
    Check("sendgrid", "whether SendGrid takes the key, and the key may send", carriers.sendgrid),
    Check("twilio", "whether Twilio knows the account, and it is active", carriers.twilio),
    Check("sender-domains", "SPF, DKIM, DMARC and MX of the domains that email comes from", names.sender_domains),
)


def examine(visit: Visit) -> Iterator[tuple[Check, list[Finding]]]:
    """Run every check; whatever is wrong with one, the others are run."""
    for check in CHECKS:
        yield check, _found(check, visit)


def _found(check: Check, visit: Visit) -> list[Finding]:
    try:
        return list(check.run(visit))
    except NotAsked as error:
        told = f"not looked at, {error}"
        return [skipped(told) if error.answered else Finding(Verdict.UNANSWERED, told)]
    except DangolError as error:
        return [unanswered(str(error), "nobody knows", "mend this and ask again")]
    except Exception as error:
        told = f"the check itself broke ({type(error).__name__})"
        return [unanswered(told, "that is a mistake in dangol; the other checks were run", "report it")]
