"""The examples of docs/consent.md work as they stand, and its tables are what the code does."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent.recording import Yes
from dangol.consent.suppressions import RULES, LiftedBy, Suppression
from dangol.model.vocabulary import Basis, Channel, ConsentAction, Purpose, Scope, SuppressionCause
from dangol.store.tables import consents
from dangol.surfaces.api.consents import FIELDS
from tests.docs.pages import blocks, read, table
from tests.integration.api.conftest import WRITE_KEY, basic, rows

TEXT = read("docs/consent.md")
CURLS = [text for language, text in blocks(TEXT) if language == "sh" and text.startswith("curl")]


def send(client: TestClient, block: str) -> Any:
    """Send what this curl command would send."""
    words = shlex.split(block.replace("\\\n", " "))
    url, options = words[1].removeprefix("http://127.0.0.1:8000"), dict(zip(words[2::2], words[3::2], strict=True))
    assert options["--user"] == "$DANGOL_WRITE_KEY:"
    if "--data" not in options:
        return client.get(url, headers=basic(WRITE_KEY))
    name, _, value = options["--header"].partition(": ")
    return client.post(url, content=options["--data"].encode(), headers=basic(WRITE_KEY) | {name: value})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_requests_work_one_after_the_other(dangol: Dangol, client: TestClient, clock: VirtualClock) -> None:
    answers = [send(client, block) for block in CURLS]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json()["status"] == "granted"
    assert [one["status"] for one in answers[1].json()["consents"]] == ["withdrawn", "granted"]
    assert [(one["channel"], one["status"]) for one in answers[2].json()["consents"]] == [
        ("email", "granted"),
        ("sms", "withdrawn"),
    ]
    assert len(rows(dangol, consents)) == 3


def first_words(heading: str) -> list[str]:
    return [cells[0].strip("`") for cells in table(TEXT, heading)]


def test_every_action_and_basis_is_on_the_page() -> None:
    assert set(first_words("Actions")) == set(ConsentAction)
    assert set(first_words("What a consent rests on")) == set(Basis)


def test_every_field_is_on_the_page() -> None:
    told = {name.strip("`") for cells in table(TEXT, "From back ends") for name in cells[0].split(", ")}
    assert told | {"anonymousId"} == set(FIELDS)


KEEPS_AWAY = {Scope.ALL: "everything", Scope.PROMPTED: "all but transactional messages"}


@pytest.mark.parametrize("cells", list(table(TEXT, "Suppressions")), ids=lambda cells: cells[0])
def test_what_lifts_a_suppression_is_as_the_page_says(cells: list[str], clock: VirtualClock) -> None:
    cause, keeps, by_hand, by_consent, otherwise = (*cells, "")[:5]
    rule = RULES[SuppressionCause(cause.strip("`"))]
    assert keeps.startswith(KEEPS_AWAY[rule.scope])
    assert (by_hand == "yes") == (LiftedBy.HAND in rule.lifted_by)
    assert ("START" in otherwise) == (LiftedBy.START in rule.lifted_by)
    begun = clock.now()
    held = Suppression("s", "h", "email", cause.strip("`"), rule.scope, "t", "", begun, None, None, None)
    later = begun.replace(year=begun.year + 1)

    def lifts(source: str, purpose: Purpose) -> bool:
        return Yes("c", Channel.EMAIL, purpose, later, source).lifts(held)

    assert lifts("form:a", Purpose.MARKETING) == by_consent.startswith(("yes", "only"))
    assert lifts("staff:a", Purpose.MARKETING) == by_consent.startswith("yes")
    assert lifts("form:a", Purpose.SERVICE) == (by_consent == "yes" or by_consent.startswith("only"))


def test_every_cause_is_on_the_page() -> None:
    assert set(first_words("Suppressions")) == set(SuppressionCause)
