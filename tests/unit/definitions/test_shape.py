"""Mistakes in the shape of a file are told in an author's words, one problem a mistake."""

from __future__ import annotations

import pytest

from tests.unit.definitions.samples import CAMPAIGN, problems, problems_in


def test_the_sample_has_no_problems() -> None:
    assert problems(CAMPAIGN) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("purpose: marketing\n", "", "1:1: error[missing-key] expected the key `purpose`; found none"),
        ("purpose", "porpose", "3:1: error[unknown-key] found the unknown key `porpose` (did you mean `purpose`?)"),
        (
            "marketing",
            "marketting",
            "3:10: error[unknown-word] expected `marketing`, `service` or `transactional`; found",
        ),
        ("name: Cart", "name: 2026", "2:7: error[wrong-kind] expected text; found the number 2026 (put it in quotes)"),
        ("name: Cart", "name:", "2:1: error[wrong-kind] expected text; found nothing"),
        ("name: Cart", "name: ''", "2:7: error[out-of-range] expected text that is not empty"),
        ("name: Cart", "name: Cart\npriority: 101", "3:11: error[out-of-range] expected a number up to 100; found the"),
        ("name: Cart", "name: Cart\npriority: high", "3:11: error[wrong-kind] expected a whole number; found `high`"),
        (
            "name: Cart",
            "name: Cart\nholdout: 10",
            "3:10: error[bad-value] expected a percentage such as `10%`; found 10",
        ),
        ("name: Cart", "name: Cart\nexit: Order Completed", "3:7: error[wrong-kind] expected a list; found `Order Com"),
        ("name: Cart", "name: Cart\ntags: [a, B c]", "3:11: error[bad-name] expected lower-case letters"),
        (
            "name: Cart",
            "name: Cart\ngoal: {event: Order Completed}",
            "3:1: error[missing-key] expected the key `within`",
        ),
        (
            "event: Checkout Started",
            "again: never",
            "4:1: error[bad-value] an entry has one of `event`, `api`, `audience`",
        ),
        (
            "Started\n",
            "Started\n  again: sometimes\n",
            "6:10: error[unknown-word] expected `never` or `always` or a map",
        ),
        (
            "send: nudge",
            "sned: nudge",
            "9:9: error[bad-value] expected exactly one of wait, wait_for, if, split, send,",
        ),
        (
            "      - send: nudge\n        channels: [push, email]\n",
            "      - wait\n",
            "9:9: error[wrong-kind] expected a",
        ),
        ("[push, email]", "5", "10:19: error[wrong-kind] expected a list or a mapping; found the number 5"),
        (
            "[push, email]",
            "[push, emial]",
            "10:26: error[unknown-word] expected `email`, `sms` or `push`; found `emial`",
        ),
        ("[push, email]", "{al: [push]}", "10:20: error[unknown-key] found the unknown key `al` (did you mean `all`?)"),
        (
            "[push, email]",
            "{all: [pusch]}",
            "10:26: error[unknown-word] expected `email`, `sms` or `push`; found `pusch`",
        ),
        ("[push, email]", "[]", "10:19: error[out-of-range] expected at least one item; found an empty list"),
        (
            "channels:",
            "chanels:",
            "10:9: error[unknown-key] found the unknown key `chanels` (did you mean `channels`?)",
        ),
        (
            "send: nudge\n        channels: [push, email]",
            "wait: 2 horus",
            "9:15: error[bad-value] expected a number and a unit",
        ),
        (
            "- send: nudge",
            "- if: profile.vip\n        x: 1\n      - send: nudge",
            "10:9: error[unknown-key] found the unknown key `x` (expected `else`, `if`, `ref` or `then`)",
        ),
    ],
)
def test_a_mistake_is_told_once_at_its_place(old: str, new: str, expected: str) -> None:
    assert old in CAMPAIGN
    found = [str(problem) for problem in problems(CAMPAIGN.replace(old, new, 1)) if problem.severity == "error"]
    assert len(found) == 1, found
    assert found[0].startswith(f"campaigns/cart.yaml:{expected}")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "word\n"])
def test_a_file_that_is_no_mapping_is_one_problem(text: str) -> None:
    (problem,) = problems(text)
    assert problem.code in {"empty-file", "wrong-kind"}


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("policies", "quiet_hours:\n  - {from: 25:00, to: 08:00}\n", "2:12: error[bad-value] expected a time of day"),
        (
            "policies",
            "quiet_hours:\n  - {from: 08:00, to: 08:00}\n",
            "2:5: error[bad-value] `from` and `to` are the same",
        ),
        (
            "policies",
            "quiet_hours:\n  - {form: 21:00, to: 08:00}\n",
            "2:6: error[unknown-key] found the unknown key `form`",
        ),
        (
            "policies",
            "caps:\n  - {key: a, limit: 1, window: weekly}\n",
            "2:32: error[bad-value] expected `rolling` and",
        ),
        ("policies", "timezone: Asia/Soul\n", "1:11: error[unknown-timezone] found the unknown time zone `Asia/Soul`"),
        ("policies", "locale: kr-KRR\n", "1:9: error[unknown-locale] found the unknown locale `kr-KRR`"),
        ("tracking-plan", "attributes: {age: numbr}\n", "1:19: error[unknown-word] expected `string`, `number`"),
        ("journey-map", "stages:\n  - {key: purchase, name: P}\n", "2:5: error[missing-key] expected the key `intent`"),
        ("segments", "segments:\n  Bad Key: {name: x, audience: 'true'}\n", "2:3: error[bad-name] expected lower-case"),
    ],
)
def test_shared_files_are_checked_alike(kind: str, text: str, expected: str) -> None:
    found = [str(problem) for problem in problems_in(kind, text) if problem.path == f"campaigns/{kind}.yaml"]
    assert [one for one in found if one.startswith(f"campaigns/{kind}.yaml:{expected}")], found
    assert len(found) == 1
