"""What the reader is asked to do."""

from __future__ import annotations

from collections.abc import Iterable

from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit, Reading
from dangol.editor.registry import Scope, Severity, rule
from dangol.model.vocabulary import Channel


@rule(
    "no-call-to-action",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="An email without a button (a link alone in its paragraph)",
    why="Whoever has read to the end wants to know what to do next.",
    bad="A letter that ends with its last sentence",
    better="[See your order](https://dangol.example/orders) alone in its paragraph",
)
def no_call_to_action(reading: Reading) -> Iterable[Hit]:
    if reading.scene.channel is not Channel.EMAIL or "<mj-button" in reading.parts["body"].passage.text:
        return
    if not any(link.button for link in reading.links):
        sentences = reading.of("body")
        last = sentences[-1] if sentences else None
        start, end = (last.start, last.start + len(last.text)) if last else (0, 1)
        hint = "put the link that matters most alone in its paragraph"
        yield Hit(start, end, "the email asks for nothing: it has no button", hint)


@rule(
    "competing-actions",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="An email with two buttons or more that lead to different places",
    why="Two things to do at once are often none done.",
    bad="Two buttons: `See the record` and `See all records`",
    better="One button. The other link inside a sentence",
)
def competing_actions(reading: Reading) -> Iterable[Hit]:
    buttons = [link for link in reading.links if link.button]
    if len({link.target for link in buttons}) > 1:
        first, other = buttons[0], next(link for link in buttons if link.target != buttons[0].target)
        message = f"the button {quoted(other.label)} competes with {quoted(first.label)}"
        hint = "keep the one that matters most, and put the other into a sentence"
        yield Hit(other.start, other.start + max(len(other.label), 1), message, hint)
