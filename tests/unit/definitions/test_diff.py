"""Two versions are compared in a campaign's own terms, field by field."""

from __future__ import annotations

from dangol.definitions.diff import SharedChange, diff
from dangol.definitions.fields import FieldChange, flatten
from tests.unit.definitions.samples import SHARED, TEMPLATES
from tests.unit.definitions.versions import send, version


def test_a_version_does_not_differ_from_itself() -> None:
    assert not diff(version(), version())


def test_settings_are_told_by_name_with_old_and_new_value() -> None:
    old = version(holdout="10%", exit=["Order Completed"])
    new = version(
        holdout="5%",
        entry={"event": "Checkout Started", "where": "event.value > 1", "again": "always"},
        goal={"event": "Order Completed", "within": "3 days"},
    )
    assert diff(old, new).settings == (
        FieldChange("entry.where", "none", "event.value > 1"),
        FieldChange("entry.again", "never", "always"),
        FieldChange("goal.event", None, "Order Completed"),
        FieldChange("goal.within", None, "3 days"),
        FieldChange("holdout", "10%", "5%"),
        FieldChange("exit.Order Completed", "always", None),
    )


def test_an_exit_with_a_condition_is_told_under_its_event() -> None:
    old, new = (
        version(exit=["Order Completed"]),
        version(exit=[{"event": "Order Completed", "where": "event.value > 1"}]),
    )
    assert diff(old, new).settings == (FieldChange("exit.Order Completed", "always", "where event.value > 1"),)


def test_a_changed_text_is_told_by_message_channel_and_locale_with_its_words() -> None:
    (change,) = diff(version(), version(changed={"templates/nudge/email.ko.md.j2": "post\n"})).texts
    assert (change.became, change.template, change.channel, change.locale) == ("changed", "nudge", "email", "ko")
    assert [(one.mark, one.text) for one in change.hunks[0].words] == [("-", "mail"), ("+", "post")]


def test_texts_come_and_go_with_the_sends_that_need_them() -> None:
    changes = diff(version(send()), version(send("thanks"))).texts
    assert [(one.became, one.path) for one in changes if one.template == "thanks"] == [
        ("added", "templates/thanks/sms.ko.txt.j2")
    ]
    assert {one.became for one in changes if one.template == "nudge"} == {"removed"}


def test_shared_files_are_told_field_by_field() -> None:
    caps = [{"key": "weekly", "limit": 3, "window": "rolling 7 days"}]
    old = version(policies={"caps": caps, "quiet_hours": [{"from": "21:00", "to": "08:00"}]})
    new = version(
        policies={"caps": [{**caps[0], "limit": 5}], "quiet_hours": [{"from": "22:00", "to": "08:00"}]},
        changed={"templates/brand/voice.yaml": "tone: cool\n", **_map("Pay quickly.")},
    )
    assert diff(old, new).shared == (
        SharedChange("journey-map", (FieldChange("stages.purchase.intent", "Pay.", "Pay quickly."),)),
        SharedChange(
            "policies",
            (
                FieldChange("caps.weekly.limit", "3", "5"),
                FieldChange("quiet_hours", "from 21:00, to 08:00", "from 22:00, to 08:00"),
            ),
        ),
        SharedChange("voice", (FieldChange("tone", "warm", "cool"),)),
    )


def _map(intent: str) -> dict[str, str]:
    path = "campaigns/journey-map.yaml"
    return {path: SHARED[path].replace("intent: Pay.", f"intent: {intent}")}


def test_how_a_file_is_written_is_no_difference() -> None:
    commented = {path: f"# a comment\n{text}" for path, text in SHARED.items() if "policies" not in path}
    voice = "templates/brand/voice.yaml"
    assert not diff(version(), version(changed={**commented, voice: f"# hello\n{TEMPLATES[voice]}"}))


def test_lists_and_nothing_have_one_way_to_be_written() -> None:
    assert flatten({"a": [], "b": None, "c": {}, "d": ["x", True, 2.5], "e": {"holdout": 0.125}}) == {
        "a": "none",
        "b": "none",
        "c": "none",
        "d": "x, true, 2.5",
        "e.holdout": "12.5%",
    }
