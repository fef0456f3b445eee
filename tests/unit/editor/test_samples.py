"""Samples: made up from the tracking plan, the same for every text, and so that nothing breaks on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.definitions.workspace import load_workspace
from dangol.editor.needs import needed
from dangol.editor.samples import DEFAULT, SAMPLES, Sample, context, sample_named
from dangol.errors import UsageError
from dangol.model.workspace import STANDARD_ATTRIBUTES, TrackingPlan, ValueType
from tests.workspaces import ROOT

PLAN = load_workspace(ROOT).tracking_plan
BARE = sample_named("bare")
PYTHON = {
    ValueType.STRING: str,
    ValueType.NUMBER: int,
    ValueType.BOOLEAN: bool,
    ValueType.DATE: str,
    ValueType.DATETIME: str,
    ValueType.LIST: list,
}
plans = st.builds(
    TrackingPlan,
    attributes=st.dictionaries(
        st.sampled_from(["name", "tier", "topics", "birthday", "x"]), st.sampled_from(ValueType)
    ),
    events=st.just({}),
)


def test_there_are_samples_for_what_names_do_to_texts() -> None:
    keys = {sample.key for sample in SAMPLES}
    assert keys >= {"short", "long", "hangul", "latin", "mixed", "emoji", "endless", "awkward", "bare"}
    assert len(keys) == len(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.key)
@pytest.mark.parametrize("event", [None, *PLAN.events])
def test_data_is_the_same_in_every_locale_but_for_words(sample: Sample, event: str | None) -> None:
    ko, en = (context(sample, PLAN, event, locale) for locale in ("ko", "en-US"))
    worded = {
        "name",
        "given_name",
        "store",
        "place",
        "title",
        "topic",
        "cause",
        "remedy",
        "done",
        "changed",
        "because",
        "note",
        "carrier",
        "topics",
        "locale",
    }
    for scope in ("profile", "event", "entry"):
        assert ko[scope].keys() == en[scope].keys()
        assert {key for key in ko[scope] if ko[scope][key] != en[scope][key]} <= worded


@given(plan=plans, sample=st.sampled_from([one for one in SAMPLES if one is not BARE]))
def test_every_attribute_has_a_value_of_its_type(plan: TrackingPlan, sample: Sample) -> None:
    profile = context(sample, plan, None, "ko")["profile"]
    assert all(isinstance(profile[name], PYTHON[kind]) for name, kind in plan.attributes.items())
    assert profile.keys() >= STANDARD_ATTRIBUTES.keys()


def test_bare_lacks_what_is_optional_and_keeps_what_texts_need() -> None:
    assert "name" not in context(BARE, PLAN, None, "ko")["profile"]
    order = context(BARE, PLAN, "Order Completed", "ko", needed={"event.order_id", "profile.tier"})
    assert order["event"] == {"order_id": "A-1042"}
    assert order["profile"]["tier"] == "regular"
    assert "value" in context(BARE, PLAN, "Order Completed", "ko")["event"]


def test_others_keep_everything() -> None:
    assert context(DEFAULT, PLAN, "Order Completed", "ko", needed=()) == context(DEFAULT, PLAN, "Order Completed", "ko")


def test_an_unknown_sample_is_wrong_usage_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean `emoji`"):
        sample_named("emojy")


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("{{ event.a }}", {"event.a"}),
        ("{{ profile['a'] }}", {"profile.a"}),
        ("{% if event.a is present %}{{ event.a }}{% endif %}", set()),
        ("{% if event.a is present %}-{% endif %}{{ event.a }}", {"event.a"}),
        ("{% if event.a is present %}-{% else %}{{ event.a }}{% endif %}", {"event.a"}),
        ("{% if event.a is present and event.b == 1 %}{{ event.a }}{% endif %}", {"event.b"}),
        ("{% if event.a is present or event.b is present %}{{ event.b }}{% endif %}", {"event.b"}),
        ("{% if event.a is present and event.a | length < 9 %}-{% endif %}", set()),
        ("{{ event.a if event.a is present else event.b }}", {"event.b"}),
        ("{{ event.a | default(event.b) | upper }}", {"event.b"}),
        ("{{ amount(event.a, event.b) }}", {"event.a", "event.b"}),
        ("{% if event.a is not present %}{{ event.a }}{% endif %}", {"event.a"}),
        ("{% if %}", set()),
    ],
)
def test_what_a_text_uses_without_asking_is_needed(text: str, needs: set[str]) -> None:
    assert needed({"templates/m/sms.ko.txt.j2": text, "templates/other/sms.ko.txt.j2": "{{ event.z }}"}, "m") == needs
