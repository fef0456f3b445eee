"""What a campaign names must exist, and every step must be reachable; all problems at once, each at its place."""

from __future__ import annotations

import pytest

from dangol.definitions.workspace import parse_workspace
from dangol.model.problem import Problem
from tests.unit.definitions.samples import CAMPAIGN, SHARED, TEMPLATES, problems, problems_in, sources

TEN_MISTAKES = """\
key: carts
name: Cart
purpose: advertising
priority: 200
colour: red
entry:
  event: Checkout Startd
  where: event.valu >= 30000
  again: {after: 7 dayz}
exit: [Order Complete]
stages:
  - stage: purchas
    steps:
      - send: nudje
        channels: [push, emial]
"""


def places(found: list[Problem]) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.code) for problem in found]


def test_ten_mistakes_are_ten_problems_each_at_its_place() -> None:
    found = problems(TEN_MISTAKES.replace("carts", "cart"))
    assert places(found) == [
        (3, 10, "unknown-word"),
        (4, 11, "out-of-range"),
        (5, 1, "unknown-key"),
        (7, 10, "unknown-event"),
        (8, 16, "bad-expression"),
        (9, 18, "bad-value"),
        (10, 8, "unknown-event"),
        (12, 12, "unknown-stage"),
        (14, 15, "unknown-template"),
        (15, 26, "unknown-word"),
    ]
    suggested = {problem.line: problem.hint for problem in found}
    assert suggested[7] == "did you mean `Checkout Started`?"
    assert suggested[10] == "did you mean `Order Completed`?"
    assert suggested[12] == "did you mean `purchase`?"
    assert suggested[14] == "did you mean `nudge`?"
    assert suggested[15] == "did you mean `email`?"


def test_a_workspace_with_an_error_is_no_workspace_and_one_with_warnings_is() -> None:
    assert parse_workspace(sources(cart=TEN_MISTAKES))[0] is None
    quiet = CAMPAIGN[: CAMPAIGN.index("      - send")] + "      - wait: 1 day\n"
    workspace, found = parse_workspace(sources(cart=quiet))
    assert workspace is not None
    assert [(problem.code, problem.severity) for problem in found] == [("no-effect", "warning")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("key: cart", "key: carts", (1, 6, "file-name")),
        ("Checkout Started", "Nothing Like It", (5, 10, "unknown-event")),
        ("stage: purchase", "stage: nowhere", (7, 12, "unknown-stage")),
        ("send: nudge", "send: nowhere", (9, 15, "unknown-template")),
        ("[push, email]", "[push, sms]", (10, 26, "missing-template")),
        ("[push, email]", "[push, email, push]", (10, 33, "duplicate-channel")),
        ("[push, email]", "{all: [push, sms]}", (10, 32, "missing-template")),
        ("name: Cart", "name: Cart\ngoal: {event: Nope, within: 1 day}", (3, 15, "unknown-event")),
        (
            "Checkout Started",
            "Checkout Started\n  where: profile.vip and profile.nmae == 'x'",
            (6, 34, "bad-expression"),
        ),
        (
            "Checkout Started",
            "Checkout Started\n  where: |\n    profile.vip\n    and nonsense",
            (8, 9, "bad-expression"),
        ),
        ("[push, email]", "[push, email]\n      - exit: done\n      - wait: 1 day", (12, 9, "unreachable-step")),
        (
            "[push, email]",
            "[push, email]\n        ref: a\n      - wait: 1 day\n        ref: a",
            (13, 14, "duplicate-ref"),
        ),
        ("[push, email]", "[push]\n        on_capped: reroute", (11, 20, "nowhere-to-reroute")),
    ],
)
def test_a_wrong_reference_is_told_at_its_place(old: str, new: str, expected: tuple[int, int, str]) -> None:
    assert places(problems(CAMPAIGN.replace(old, new, 1))) == [expected]


def test_steps_of_later_stages_are_unreachable_after_an_exit() -> None:
    text = CAMPAIGN + "      - exit: done\n  - stage: loyalty\n    steps:\n      - wait: 1 day\n"
    (problem,) = problems(text)
    assert (problem.line, problem.code) == (14, "unreachable-step")
    assert "line 11" in problem.message


@pytest.mark.parametrize("schedule", ["0 10 * * MON", "*/5 0 1,15 * *", "0 9 29 2 *", "0 10 L * *", "0 10 * * FRI#2"])
def test_five_cron_fields_are_a_schedule(schedule: str) -> None:
    assert problems(_scheduled(schedule)) == []


@pytest.mark.parametrize(
    "schedule",
    ["0 10 31 2 *", "0 0 10 * * MON", "0 10 * *", "61 10 * * *", "0 10 * * FUN", "@daily", "0 10 30 FEB *", "x" * 300],
)
def test_a_schedule_that_is_wrong_or_never_comes_is_an_error(schedule: str) -> None:
    assert places(problems(_scheduled(schedule))) == [(5, 13, "bad-schedule")]


def test_zones_and_audiences_are_checked() -> None:
    text = _scheduled("0 10 * * *").replace("profile.vip", "profile.vipp\n  timezone: Asia/Soul")
    assert places(problems(text)) == [(6, 21, "bad-expression"), (7, 13, "unknown-timezone")]


def _scheduled(schedule: str) -> str:
    return CAMPAIGN.replace("event: Checkout Started", f'schedule: "{schedule}"\n  audience: profile.vip')


def test_winning_back_may_end_and_begin_with_the_same_event() -> None:
    text = CAMPAIGN.replace("stages:", "exit: [Checkout Started]\nstages:").replace(
        "Started\n", "Started\n  again: always\n", 1
    )
    assert problems(text) == []


def test_a_campaign_has_at_most_200_steps() -> None:
    assert problems(CAMPAIGN + "      - wait: 1 day\n" * 199) == []
    assert places(problems(CAMPAIGN + "      - wait: 1 day\n" * 200)) == [(210, 9, "too-many-steps")]


def test_two_campaigns_cannot_share_a_key() -> None:
    found = problems(CAMPAIGN, another=CAMPAIGN)
    assert [(problem.path, *place) for problem, place in zip(found, places(found), strict=True)] == [
        ("campaigns/another.yaml", 1, 6, "duplicate-campaign")
    ]


def test_segments_can_be_asked_for_and_unknown_ones_are_errors() -> None:
    segments = "segments:\n  regulars: {name: R, audience: 'count(\"Order Completed\") >= 2'}\n"
    ask = CAMPAIGN.replace("Started\n", "Started\n  where: in_segment('{}')\n", 1)
    assert problems(ask.format("regulars"), segments=segments) == []
    (problem,) = problems(ask.format("regular"), segments=segments)
    assert (problem.line, problem.code, problem.hint) == (6, "bad-expression", "did you mean `regulars`?")


@pytest.mark.parametrize("kind", ["journey-map", "policies", "tracking-plan"])
def test_a_missing_shared_file_is_one_problem(kind: str) -> None:
    files = {**sources(cart=CAMPAIGN)}
    del files[f"campaigns/{kind}.yaml"]
    workspace, found = parse_workspace(files)
    assert workspace is None
    assert [(problem.path, problem.code) for problem in found] == [(f"campaigns/{kind}.yaml", "missing-file")]


@pytest.mark.parametrize("kind", ["journey-map", "policies", "tracking-plan"])
def test_a_broken_shared_file_is_not_held_against_the_campaigns(kind: str) -> None:
    found = problems_in(kind, "a: [")
    assert {problem.path for problem in found} == {f"campaigns/{kind}.yaml"}


def test_caps_and_stages_have_names_of_their_own_and_caps_ask_about_messages() -> None:
    cap = "  - {key: a, limit: 1, window: calendar day, applies_to: 'message.chanel == \"sms\"'}\n"
    found = problems_in("policies", f"caps:\n{cap}{cap}")
    assert [place[2] for place in places(found)] == ["bad-expression", "duplicate-cap", "bad-expression"]
    stages = SHARED["campaigns/journey-map.yaml"] + "  - {key: loyalty, name: L, intent: Be known.}\n"
    assert places(problems_in("journey-map", stages)) == [(4, 11, "duplicate-stage")]


def test_the_default_locale_is_the_workspaces() -> None:
    english = {**sources(cart=CAMPAIGN), "campaigns/policies.yaml": "locale: en\n"}
    assert places(parse_workspace(english)[1]) == [(10, 20, "missing-template")]
    regional = {**sources(cart=CAMPAIGN), "campaigns/policies.yaml": "locale: ko-KR\n"}
    assert parse_workspace(regional)[1] == []


def test_only_files_directly_in_campaigns_are_campaigns() -> None:
    files = {**sources(cart=CAMPAIGN), "campaigns/tests/cart.yaml": "anything: [", **TEMPLATES}
    workspace, found = parse_workspace(files)
    assert found == []
    assert workspace is not None
    assert list(workspace.campaigns) == ["cart"]


def test_a_message_quotes_no_more_than_a_line() -> None:
    (problem,) = problems(CAMPAIGN.replace("name: Cart", f"name: Cart\nexit: ['{'b ' * 5_000}']", 1))
    assert problem.code == "unknown-event"
    assert len(problem.message) < 500
    assert "\n" not in problem.message


def test_what_dangol_itself_reports_need_not_be_listed() -> None:
    for event in ("Message Replied", "Consent Requested", "Consent Outcome Due", "Consent Reconfirmation Due"):
        campaign = CAMPAIGN.replace("event: Checkout Started", f"event: {event}").replace(
            "event.value >= 30000", "true"
        )
        assert "unknown-event" not in {one.code for one in parse_workspace(sources(cart=campaign))[1]}
