"""docs/voice-rules.md tells every rule of the editor, and none that does not exist."""

from __future__ import annotations

from dangol.editor.model import Send
from dangol.editor.review import review
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import TrackingPlan
from tests.docs.rules_table import PAGE, on_page, table
from tests.unit.editor.desk import brand_sources, voice


def test_the_table_of_rules_is_that_of_the_registry() -> None:
    assert on_page() == table(), "run: .venv/bin/python -m tests.docs.rules_table"


def test_the_example_of_a_finding_is_what_is_told() -> None:
    path = "templates/thanks/sms.en.txt.j2"
    sources = {**brand_sources(voice()), path: "Your order came in.\nPlease do not hesitate to call.\n"}
    sends = [Send("thanks", Purpose.SERVICE, (Channel.SMS,))]
    (problem,) = review(sources, sends=sends, plan=TrackingPlan(), default_locale="en").problems
    page = PAGE.read_text(encoding="utf-8")
    assert str(problem).removesuffix(f" ({problem.hint})") in page
    assert f"  = {problem.hint}\n" in page
