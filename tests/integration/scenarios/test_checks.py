"""What is wrong in a scenario file is told with its place, and all at once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from dangol.scenarios.cases import check_scenarios
from tests.integration.scenarios.conftest import Shop
from tests.workspaces import campaign, note

Open = Callable[..., Shop]
GOOD = """
customers:
  jimin: {consents: {marketing: [email]}}
scenarios:
  - name: one
    at: 2026-03-02 10:00
    until: 10 days
    happens:
      - event: Order Completed
        properties: {order_id: A-7, value: 3}
    expect:
      - {message: note, step: first, channel: email}
      - {refused: consent_missing, channel: sms}
    ends: completed
never:
  - {message: note, after: Order Completed}
"""


@pytest.fixture
def thanks(shop: Open) -> Shop:
    return shop(campaign("thanks", note("email", "sms", ref="first")), campaign("plain"))


def test_a_file_without_mistakes_has_no_problems(thanks: Shop) -> None:
    assert check_scenarios(thanks.tests(GOOD).root) == []


@pytest.mark.parametrize(
    ("right", "wrong", "code", "hint"),
    [
        ("event: Order Completed\n", "event: Order Complete\n", "unknown-event", "Order Completed"),
        ("order_id: A-7", "order_di: A-7", "unknown-property", "order_id"),
        ("value: 3", 'value: "3"', "wrong-kind", ""),
        ("order_id: A-7", "order_id: 7", "wrong-kind", "quotes"),
        ("{message: note, step", "{message: nota, step", "unknown-message", "note"),
        ("{message: note, step", "{message: letter, step", "unknown-message", "note"),
        ("step: first", "step: frist", "unknown-step", "first"),
        ("channel: email", "channel: emial", "unknown-word", "email"),
        ("consent_missing", "consent_mising", "unknown-reason", "consent_missing"),
        ("refused: consent_missing", "refused: step_reached", "unknown-reason", ""),
        ("ends: completed", "ends: complete", "unknown-end", "completed"),
        ("ends: completed", "ends: {plain: completed}", "unknown-campaign", ""),
        ("ends: completed", "ends: completed\n    beside: [plane]", "unknown-campaign", "plain"),
        ("ends: completed", "ends: completed\n    holdout: true", "no-holdout", "remove"),
        ("ends: completed", "ends: completed\n    arms: {copy: plain}", "unknown-experiment", ""),
        ("ends: completed", "ends: completed\n    customer: jimni", "unknown-customer", "jimin"),
        ("ends: completed", "ends: completed\n    customer: {like: jimni}", "unknown-customer", "jimin"),
        ("ends: completed", "ends: completed\n    timezone: Asia/Soul", "unknown-timezone", "Asia/Seoul"),
        ("ends: completed", "ends: completed\n    history: [{event: Order Completed}]", "bad-value", ""),
        ("{consents:", "{attributes: {nmae: x}, consents:", "unknown-attribute", "name"),
        ("{consents:", "{email: nobody, consents:", "invalid-email", ""),
        ("{consents:", '{phone: "12", consents:', "invalid-phone", ""),
        ("{consents:", "{locale: xx-yy, consents:", "invalid-locale", ""),
        ("{consents:", "{timezone: Mars, consents:", "unknown-timezone", ""),
        ("{marketing:", "{marketting:", "unknown-word", "marketing"),
        ("until: 10 days", "until: 10 dyas", "bad-value", ""),
        ("until: 10 days", "until: 2026-03-01", "ends-before-it-begins", ""),
        ("at: 2026-03-02 10:00", "at: 2026-03-02", "bad-value", ""),
        ("at: 2026-03-02 10:00", "when: 2026-03-02 10:00", "missing-key", ""),
        ("- event: Order Completed\n", "- evnt: Order Completed\n", "bad-value", "event"),
        ("step: first", "step: first, after: 11 days", "outside-scenario", "until"),
        ("step: first", "step: first, at: 2026-03-01 10:00", "outside-scenario", "history"),
        ("step: first", "step: first, at: 2026-03-03 10:00, after: 1 day", "bad-value", ""),
        ("after: Order Completed", "after: Order Complete", "unknown-event", "Order Completed"),
        ("- {message: note, after", "- {message: nota, after", "unknown-message", "note"),
        (
            "after: Order Completed}",
            "after: Order Completed, where: event.order_di == entry.value}",
            "bad-expression",
            "id",
        ),
        ("- {message: note, after: Order Completed}", "- {where: event.value == 1}", "bad-value", "after"),
        ("- {message: note, after: Order Completed}", "- {within: 1 day}", "bad-value", ""),
        ("- {message: note, after: Order Completed}", "- {}", "bad-value", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_perhaps_meant(
    thanks: Shop, right: str, wrong: str, code: str, hint: str
) -> None:
    assert GOOD.count(right) == 1
    text = GOOD.replace(right, wrong)
    problems = check_scenarios(thanks.tests(text).root)
    assert code in {problem.code for problem in problems}, problems
    problem = next(problem for problem in problems if problem.code == code)
    assert problem.path == "campaigns/tests/thanks.yaml"
    assert hint in problem.hint + problem.message
    lines = (thanks.root / problem.path).read_text().split("\n")
    assert lines[problem.line - 1][problem.column - 1 :].strip()


def test_all_mistakes_are_told_at_once(thanks: Shop) -> None:
    text = (
        GOOD.replace("order_id", "order_di").replace("step: first", "step: frist").replace("jimin:", "jimin: {}\n  x:")
    )
    codes = {problem.code for problem in check_scenarios(thanks.tests(text).root)}
    assert codes == {"unknown-property", "unknown-step", "missing-key"}


def test_two_scenarios_do_not_share_a_name(thanks: Shop) -> None:
    twice = GOOD.replace("never:", "  - {name: one, at: 2026-03-02 10:00, expect: []}\nnever:")
    (problem,) = check_scenarios(thanks.tests(twice).root)
    assert problem.code == "duplicate-scenario"


def test_messages_are_listed_in_the_order_of_time(thanks: Shop) -> None:
    text = GOOD.replace(
        "- {message: note, step: first, channel: email}",
        "- {message: note, after: 2 hours}\n      - {message: note, after: 1 hour}",
    )
    (problem,) = check_scenarios(thanks.tests(text).root)
    assert problem.code == "out-of-order"


def test_a_time_that_the_customers_clock_skips_is_told(thanks: Shop) -> None:
    text = GOOD.replace("{consents:", "{timezone: America/New_York, consents:").replace(
        "2026-03-02 10:00", "2026-03-08 02:30"
    )
    (problem,) = check_scenarios(thanks.tests(text).root)
    assert problem.code == "no-such-time"


def test_a_file_is_named_after_its_campaign_or_names_it(thanks: Shop) -> None:
    (problem,) = [
        one for one in check_scenarios(thanks.tests(GOOD, name="thank").root) if one.code == "unknown-campaign"
    ]
    assert "thanks" in problem.hint
    thanks.tests("campaign: thanks\n" + GOOD, name="thank")
    assert check_scenarios(thanks.root) == []


def test_a_campaign_with_mistakes_is_not_held_against_its_scenarios(thanks: Shop) -> None:
    thanks.tests(GOOD)
    file = thanks.root / "campaigns" / "thanks.yaml"
    file.write_text(file.read_text().replace('"purpose"', '"porpose"'))
    assert check_scenarios(thanks.root) == []


def test_yaml_that_cannot_be_read_is_a_problem_of_its_file(thanks: Shop) -> None:
    (problem,) = check_scenarios(thanks.tests("customers: [").root)
    assert re.match(r"campaigns/tests/thanks\.yaml:\d+:\d+: error\[yaml-syntax\]", str(problem))


def test_without_scenarios_there_are_no_problems(thanks: Shop) -> None:
    assert check_scenarios(thanks.root) == []
