"""What campaigns and policies say about holding back is checked, each mistake at its place."""

from __future__ import annotations

from datetime import UTC, datetime

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


DIGEST = "digests:\n  weekly: {template: roundup, at: 10:00, days: [saturday]}\n"
ROUNDUP = {"templates/roundup/email.ko.md.j2": "mail\n"}


def told(campaign: str, policies: str = DIGEST, texts: dict[str, str] = ROUNDUP) -> list[tuple[str, int, int, str]]:
    files = sources(cart=campaign) | {"campaigns/policies.yaml": POLICIES + policies} | texts
    return [(one.path.rpartition("/")[2], one.line, one.column, one.code) for one in parsed(files)]


def waiting(campaign: str = CAMPAIGN, channels: str = "[push, email]", digest: str = "weekly") -> str:
    line = "channels: [push, email]\n"
    return campaign.replace(line, f"channels: {channels}\n        digest: {digest}\n")


def test_a_step_names_a_digest_of_the_policies_and_may_go_out_by_email() -> None:
    assert told(waiting()) == []
    assert told(waiting(channels="{all: [push, email]}")) == []
    assert told(waiting(), policies="") == [("cart.yaml", 11, 17, "unknown-digest")]
    assert told(waiting(digest="weakly")) == [("cart.yaml", 11, 17, "unknown-digest")]
    assert told(waiting(channels="[push]")) == [("cart.yaml", 11, 17, "not-by-email")]


def test_what_somebody_waits_for_waits_for_no_digest() -> None:
    urgent = CAMPAIGN.replace("purpose: marketing", "purpose: transactional")
    assert told(waiting(urgent)) == [("cart.yaml", 11, 17, "cannot-wait")]


def test_the_text_of_a_digest_is_an_email_that_no_step_sends() -> None:
    assert told(CAMPAIGN, texts={}) == [("policies.yaml", 4, 22, "unknown-template")]
    only_sms = DIGEST.replace("roundup", "thanks")
    assert told(CAMPAIGN, policies=only_sms) == [("policies.yaml", 4, 22, "missing-template")]
    assert told(CAMPAIGN, policies=DIGEST.replace("roundup", "nudge")) == [("cart.yaml", 9, 15, "sends-digest")]


@pytest.mark.parametrize("wrong", ["days: [sat]", "days: []", "at: 25:00", "most: 1", "channels: [sms]"])
def test_a_digest_that_makes_no_sense_is_told(wrong: str) -> None:
    key = wrong.partition(":")[0]
    usual = {"at": "at: 10:00", "days": "days: [saturday]"}
    policies = DIGEST.replace(usual[key], wrong) if key in usual else DIGEST.replace("}", f", {wrong}}}")
    assert [name for name, *_ in told(CAMPAIGN, policies=policies)] == ["policies.yaml"]


CAPS = "caps:\n"


def cap(key: str, limit: int, window: str, **others: str) -> str:
    fields = {"key": key, "limit": limit, "window": window, **others}
    return "  - {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}\n"


def test_a_cap_of_0_is_a_warning_and_an_error_where_a_campaign_can_thereby_send_nothing() -> None:
    only_sms = cap("no_sms", 0, "calendar day", applies_to="'message.channel == \"sms\"'")
    assert [code for *_, code in found(policies=CAPS + only_sms)] == ["closed-cap"]
    nothing = cap("nothing", 0, "calendar day")
    assert found(policies=CAPS + nothing) == [
        ("cart.yaml", 3, 10, "never-sent"),
        ("policies.yaml", 4, 27, "closed-cap"),
    ]
    transactional = CAMPAIGN.replace("purpose: marketing", "purpose: transactional")
    assert [code for *_, code in found(transactional, CAPS + nothing)] == ["closed-cap"]


def test_a_step_on_closed_channels_only_is_a_warning_while_others_can_send() -> None:
    no_push = CAPS + cap("no_push", 0, "calendar day", applies_to="'message.channel == \"push\"'")
    second = after("channels: [push, email]\n", "      - send: nudge\n        channels: [push]\n")
    problems = parsed(sources(cart=second) | {"campaigns/policies.yaml": POLICIES + no_push})
    assert [(one.line, one.code, one.severity) for one in problems if one.path.endswith("cart.yaml")] == [
        (11, "never-sent", "warning")
    ]


@pytest.mark.parametrize(
    ("inner", "outer", "idle"),
    [
        ("rolling 1 day", "rolling 7 days", True),
        ("rolling 7 days", "rolling 1 day", False),
        ("calendar day", "calendar week", True),
        ("calendar week", "calendar month", False),
        ("calendar day", "rolling 7 days", True),
        ("calendar day", "rolling 1 day", False),
        ("rolling 1 day", "calendar week", False),
        ("calendar week", "calendar week", True),
    ],
)
def test_a_cap_that_a_stricter_one_never_lets_come_to_its_limit_is_told(inner: str, outer: str, idle: bool) -> None:
    codes = [code for *_, code in found(policies=CAPS + cap("wide", 5, inner) + cap("narrow", 3, outer))]
    assert codes == (["idle-cap"] if idle else [])


def test_caps_that_count_differently_do_not_contradict_one_another() -> None:
    other = cap("sms", 3, "rolling 7 days", applies_to="'message.channel == \"sms\"'")
    assert found(policies=CAPS + cap("all", 5, "rolling 1 day") + other) == []


def test_room_is_not_kept_for_longer_than_the_window_lasts() -> None:
    kept = {"reserve": "2 days"}
    assert [code for *_, code in found(policies=CAPS + cap("daily", 1, "rolling 1 day", **kept))] == ["long-reserve"]
    assert found(policies=CAPS + cap("weekly", 1, "rolling 7 days", **kept)) == []


def test_the_recipients_own_cap_has_a_name_that_no_other_can_have() -> None:
    assert [code for *_, code in found(policies=CAPS + cap("recipient", 1, "rolling 7 days"))] == ["reserved-name"]


def test_a_hold_names_events_and_a_property_that_all_of_them_have() -> None:
    hold = "holds:\n  - {key: complaint, opens: Order Completed, closes: [Checkout Started], case: value}\n"
    assert found(policies=hold) == []
    assert [code for *_, code in found(policies=hold.replace("Order Completed", "Order Complet"))] == ["unknown-event"]
    assert [code for *_, code in found(policies=hold.replace("value", "currency"))] == ["unknown-property"]
    assert [code for *_, code in found(policies=hold.replace("Checkout Started", "Order Completed"))] == ["bad-value"]


def test_all_caps_that_contradict_one_another_are_told_at_once_whatever_else_is_wrong() -> None:
    caps = (
        "caps:\n"
        "  - {key: a, limit: 9, window: calendar day}\n"
        "  - {key: b, limit: 2, window: rolling 7 days}\n"
        "  - {key: c, limit: 1, window: rolling 30 days}\n"
    )
    idle = [line for _, line, _, code in found(policies=caps) if code == "idle-cap"]
    assert len(idle) == 3  # `a` by `b` and by `c`, `b` by `c`
    broken = found(policies=caps + "spread: long\n")
    assert [line for _, line, _, code in broken if code == "idle-cap"] == idle


VOICE = {"templates/brand/voice.yaml": "brand:\n  email: hello@brand.example\n  sms_sender: '0212345678'\n"}


def warmed(*plans: str, now: datetime | None = None) -> list[tuple[int, int, str]]:
    listed = "".join(f"  - {{{one}, starts: 2026-12-01, per_day: [500, 1000]}}\n" for one in plans)
    files = sources(cart=CAMPAIGN) | {"campaigns/policies.yaml": f"{POLICIES}warm_up:\n{listed}"} | VOICE
    found = parse_workspace(files, now=now)[1]
    return [(one.line, one.column, one.code) for one in found if one.path == "campaigns/policies.yaml"]


def test_a_new_sender_is_one_that_messages_come_from() -> None:
    assert warmed("channel: email", "channel: email, sender: Hello@brand.example", "channel: sms") == []
    assert warmed("channel: email, sender: news@brand.example") == [(4, 30, "unknown-sender")]
    assert warmed("channel: sms, sender: '0200000000'") == [(4, 28, "unknown-sender")]


def test_each_sender_has_one_plan() -> None:
    assert warmed("channel: email", "channel: email") == [(5, 15, "duplicate-warm-up")]


def test_push_messages_have_no_sender() -> None:
    assert warmed("channel: push") == [(4, 15, "bad-value")]


def test_a_plan_that_is_over_is_told() -> None:
    assert warmed("channel: email", now=datetime(2026, 12, 2, 14, 59, tzinfo=UTC)) == []
    assert warmed("channel: email", now=datetime(2026, 12, 2, 15, 0, tzinfo=UTC)) == [(4, 30, "warm-up-over")]
