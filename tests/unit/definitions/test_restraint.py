"""What campaigns and policies say about holding back is checked, each mistake at its place."""

from __future__ import annotations

import pytest

from dangol.definitions.workspace import parse_workspace
from dangol.model.problem import Problem
from tests.unit.definitions.samples import CAMPAIGN, SHARED, sources

POLICIES = SHARED["campaigns/policies.yaml"]
TOPICS = "topics:\n  records:\n    name: {ko: 새 음반, en: New records}\n"


def found(campaign: str = CAMPAIGN, policies: str = "") -> list[tuple[str, int, int, str]]:
    files = sources(cart=campaign) | {"campaigns/policies.yaml": POLICIES + policies}
    return [(one.path.rpartition("/")[2], one.line, one.column, one.code) for one in parsed(files)]


def parsed(files: dict[str, str]) -> list[Problem]:
    return parse_workspace(files)[1]


def after(line: str, addition: str) -> str:
    return CAMPAIGN.replace(line, f"{line}{addition}")


def test_a_campaign_names_a_topic_of_the_policies() -> None:
    about = after("purpose: marketing\n", "topic: records\n")
    assert found(about, TOPICS) == []
    assert found(about) == [("cart.yaml", 4, 8, "unknown-topic")]
    files = sources(cart=about.replace("records", "recrods")) | {"campaigns/policies.yaml": POLICIES + TOPICS}
    assert parsed(files)[0].hint == "did you mean `records`?"


def test_the_night_is_no_topic() -> None:
    assert found(after("purpose: marketing\n", "topic: night\n")) == [("cart.yaml", 4, 8, "bad-value")]
    assert found(policies=TOPICS.replace("records", "night"))[0][3] == "bad-value"


def test_recipients_can_read_a_topic_in_korean_and_english() -> None:
    assert [code for *_, code in found(policies="topics:\n  records:\n    name: {en: New records}\n")] == ["bad-value"]


@pytest.mark.parametrize("value", ["5", "2.5", "entry.value", "entry.value / 2", 'count("Order Completed") * 10'])
def test_a_value_is_a_number_or_tells_one(value: str) -> None:
    assert found(after("purpose: marketing\n", f"value: {value}\n")) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("profile.vip", "bad-expression"),
        ("entry.valu", "bad-expression"),
        ("event.value", "bad-expression"),
        ("1e13", "out-of-range"),
        ("true", "wrong-kind"),
        ("[1]", "wrong-kind"),
    ],
)
def test_what_tells_no_number_is_no_value(value: str, code: str) -> None:
    assert [problem for *_, problem in found(after("purpose: marketing\n", f"value: {value}\n"))] == [code]


def test_a_step_names_a_digest_of_the_policies_that_gathers_on_its_channels() -> None:
    digest = "digests:\n  weekly: {template: nudge, at: 10:00, days: [SAT], channels: [email]}\n"
    waiting = after("channels: [push, email]\n", "        digest: weekly\n")
    assert found(waiting, digest) == []
    assert found(waiting) == [("cart.yaml", 11, 17, "unknown-digest")]
    assert [code for *_, code in found(waiting, digest.replace("[email]", "[sms]"))] == ["unknown-digest"]
