"""The voice of a stage is what is sent in it and what the log proves, also when the voice has changed since (G7)."""

from __future__ import annotations

from dangol.content.voice import PATH
from dangol.proof import reproduce
from tests.integration.pipeline.house import House
from tests.unit.content.test_voice_before import OLD
from tests.workspaces import ROOT, campaign, note

SHIPPED = (ROOT / PATH).read_text("utf-8")
ITSELF = PATH.removeprefix("templates/")


def voice(stage: str) -> str:
    """The shipped voice, with what it says in after-service said in ``stage`` and nothing about any other."""
    start, end = SHIPPED.index("# How much"), SHIPPED.index("locales:\n")
    return (SHIPPED[:start] + SHIPPED[end:]).replace("      after_service:\n", f"      {stage}:\n")


def twice() -> dict[str, object]:
    stages = [{"stage": stage, "steps": [note(ref=f"in_{stage}")]} for stage in ("purchase", "loyalty")]
    return campaign("twice", stages=stages)


def told(house: House) -> list[tuple[str, str]]:
    """Step and first line of every message that the log proves, in the order of both; all must be as they were sent."""
    entries = house.log("message_sending")
    with house.database.read() as tx:
        proofs = [(entry, reproduce(tx, house.dangol.releases, entry)) for entry in entries]
    assert all(proof.matches for _, proof in proofs)
    texts = [(entry.step or "", proof.rendered.text) for entry, proof in proofs if proof.rendered]
    assert sorted(text for _, text in texts) == sorted(one.rendered.text for one in house.carrier.accepted)
    return sorted((step, text.split("\n")[0]) for step, text in texts)


def test_a_message_sent_in_two_stages_has_the_words_of_each_and_both_are_proven(house: House) -> None:
    house.opens_with(twice(), texts={ITSELF: voice("loyalty")}).knows("ana", attributes={"given_name": "Ana"})
    house.orders("ana")
    house.work()
    assert told(house) == [("in_loyalty", "Dear Ana,"), ("in_purchase", "Hello Ana,")]


def test_what_was_sent_in_the_voice_of_old_is_proven_after_a_deployment_of_the_new(house: House) -> None:
    house.opens_with(twice(), texts={path.removeprefix("templates/"): text for path, text in before().items()})
    house.knows("ana", attributes={"given_name": "Ana"})
    house.orders("ana")
    house.work()
    house.opens_with(twice(), texts={ITSELF: voice("purchase")})
    house.knows("ben", attributes={"given_name": "Ben"})
    house.orders("ben")
    house.work()
    assert told(house) == [
        ("in_loyalty", "Hello Ana,"),
        ("in_loyalty", "Hello Ben,"),
        ("in_purchase", "Dear Ben,"),
        ("in_purchase", "Hello Ana,"),
    ]


def before() -> dict[str, str]:
    """The brand of old, but for the contact in marketing by push, which a deployment now insists on."""
    return {**OLD, PATH: OLD[PATH].replace("수신거부: 앱", "문의 {{ brand.phone }} 수신거부: 앱")}
