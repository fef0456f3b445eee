"""The review of facts: each fault once and at its place, a table for each message, a number for each campaign."""

from __future__ import annotations

from dataclasses import replace

from dangol.editor.facts import FactReview, Rendering, WordPlaces, review
from dangol.model.fragmentation import Fragmentation
from dangol.model.vocabulary import Channel
from tests.unit.editor.test_fact_findings import renderings

EMAIL = "---\nsubject: {{ event.order_id }}\n---\nYou paid **{{ amount(event.value) }}** until Nov 30.\n"
SMS = "You paid {{ amount(event.price) }}.\n"
SOURCES = {"email.en.j2": EMAIL, "sms.en.j2": SMS}
TEXTS = {
    "email.en": {"subject": "A-1042", "body": "You paid **₩30,000** until Nov 30."},
    "sms.en": "You paid ₩40,000.",
}


def reviewed(*told: Rendering) -> FactReview:
    return review(told, WordPlaces(SOURCES), default_locale="en")


def test_a_fault_shows_both_places_though_data_put_them_in() -> None:
    (differs,) = [one for one in reviewed(*renderings(TEXTS)).problems if one.code == "fact-differs"]
    assert (differs.path, differs.line, differs.column) == ("sms.en.j2", 1, 10)
    assert "the SMS in en tells `₩40,000`; the email in en tells `₩30,000`, in email.en.j2:4:12" in differs.message


def test_what_a_text_leaves_out_is_one_note_at_its_beginning() -> None:
    (note,) = [one for one in reviewed(*renderings(TEXTS)).problems if one.severity == "note"]
    assert (note.code, note.path, note.line, note.column) == ("fact-missing", "sms.en.j2", 1, 1)
    assert note.message == "the SMS in en does not tell `A-1042`, `Nov 30`; the email in en does"


def test_what_several_samples_show_is_told_once() -> None:
    told = renderings(TEXTS)
    others = [replace(one, sample="bare") for one in told]
    assert reviewed(*told, *others).problems == reviewed(*told).problems


def test_samples_are_compared_each_with_itself() -> None:
    told = renderings({"email.en": "You paid ₩30,000.", "sms.en": "You paid ₩30,000."})
    others = renderings({"email.en": "You paid ₩50,000.", "sms.en": "You paid ₩50,000."})
    assert reviewed(*told, *(replace(one, sample="bare") for one in others)).problems == ()


def test_the_table_shows_what_is_told_otherwise_in_the_row_of_what_it_should_be() -> None:
    (table,) = reviewed(*renderings(TEXTS)).tables
    assert table.columns == ((Channel.EMAIL, "en"), (Channel.SMS, "en"))
    assert [(row.value, row.cells, set(row.differing)) for row in table.rows] == [
        ("A-1042", ("A-1042", ""), set()),
        ("KRW 30,000", ("₩30,000", "₩40,000"), {1}),
        ("11-30", ("Nov 30", ""), set()),
    ]


def test_the_index_counts_what_differs_and_what_is_missing() -> None:
    found = reviewed(*renderings(TEXTS)).fragmentation["thanks"]
    assert found == Fragmentation(told=3, differing=1, missing=2)
    assert (found.index, found.cells) == (3, 6)


def test_texts_that_tell_the_same_have_the_index_0() -> None:
    same = renderings({"email.ko": "3만원", "sms.ko": "₩30,000", "email.en": "30,000 won"})
    assert reviewed(*same).fragmentation["thanks"].index == 0
    assert (
        reviewed(*renderings({"email.ko": "안녕하세요.", "sms.ko": "안녕하세요."})).fragmentation["thanks"].index == 0
    )


def test_a_campaign_counts_the_texts_that_it_sends() -> None:
    email, sms = renderings(TEXTS)
    found = reviewed(replace(email, campaigns=("letters",)), replace(sms, campaigns=("letters", "texts"))).fragmentation
    assert found == {"letters": Fragmentation(3, 1, 2), "texts": Fragmentation(0, 1, 2)}


def test_the_order_of_the_texts_does_not_matter() -> None:
    told = renderings({**TEXTS, "push.en": "You paid ₩40,000.", "email.ko": "4만원을 내셨습니다."})
    assert reviewed(*reversed(told)) == reviewed(*told)
