"""The choices of the preference page: what there is to hear about, by which way, and what was ticked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dangol.consent.choosing import Choice, Standing
from dangol.consent.folding import Matter
from dangol.model.vocabulary import NIGHT, Channel, Purpose
from dangol.surfaces.recipients.brand import House

_YES, _NO = "1", "0"


@dataclass(frozen=True, slots=True)
class Box:
    """One tick box: what it is about, as forms send it, and whether it is ticked."""

    value: str
    channel: Channel
    label: str
    ticked: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A topic, or the rest of a purpose, with a box for each channel. ``legend`` heads them on the page."""

    name: str
    legend: str
    about: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A purpose with its rows, and the words that somebody agrees to by ticking them.

    ``to_confirm`` names the channels on which a yes counts only once it was confirmed by a message.
    """

    purpose: Purpose
    name: str
    statement: str
    rows: tuple[Row, ...]
    to_confirm: tuple[str, ...] = ()


def groups(person: Standing, house: House, language: str, words: Mapping[str, Any]) -> list[Group]:
    """All that this person can choose; empty if no channel reaches them."""
    channels = [one for one in Channel if person.profile.address(one) is not None]
    found = []
    for purpose in house.purposes:
        rows = [
            _row(person, purpose, topic, channels, house, language, words) for topic in _topics(person, house, purpose)
        ]
        rows = [row for row in rows if row.boxes]
        if rows:
            name = words["purposes"][purpose]
            if len(rows) == 1:  # its name would say the same as the heading above it
                rows = [replace(rows[0], name=name, legend=words["by"])]
            doubted = [one for one in channels if house.asks_to_confirm(person.profile, one, purpose)]
            to_confirm = tuple(str(words["channels"][one]) for one in doubted)
            found.append(Group(purpose, name, words["statement"][purpose], tuple(rows), to_confirm))
    return found


def _topics(person: Standing, house: House, purpose: Purpose) -> Sequence[str]:
    """Topics first, then the rest; the night last. Topics are for what people are prompted with for its own sake."""
    topics = tuple(house.topics) if purpose is Purpose.MARKETING else ()
    return (*topics, "", NIGHT)


def _row(
    person: Standing,
    purpose: Purpose,
    topic: str,
    channels: Sequence[Channel],
    house: House,
    language: str,
    words: Mapping[str, Any],
) -> Row:
    name, about = _named(purpose, topic, house, language, words)
    if topic == NIGHT:  # a consent that is given elsewhere; here it can be taken back
        channels = [one for one in channels if _holds_night(person, one, purpose)]
    boxes = tuple(
        Box(
            _value((channel, purpose, topic)),
            channel,
            words["channels"][channel],
            person.agrees((channel, purpose, topic)),
        )
        for channel in channels
    )
    return Row(name, name, about, boxes)


def _holds_night(person: Standing, channel: Channel, purpose: Purpose) -> bool:
    state = person.topics.get((channel, purpose, NIGHT))
    return state is not None and state.granted


def _named(purpose: Purpose, topic: str, house: House, language: str, words: Mapping[str, Any]) -> tuple[str, str]:
    if topic == NIGHT:
        name, about = words["night"]
    elif topic:
        name, about = house.topic(topic, language)
    else:
        alone = not (house.topics and purpose is Purpose.MARKETING)
        name, about = words["only"].get(purpose, words["rest"][purpose]) if alone else words["rest"][purpose]
    return str(name), str(about)


def _value(matter: Matter) -> str:
    channel, purpose, topic = matter
    return f"{purpose.value}:{channel.value}:{topic}"


def shown_values(of: Sequence[Group]) -> list[str]:
    """What the page's hidden fields tell: each box, and whether it was ticked when the page was made."""
    boxes = [box for group in of for row in group.rows for box in row.boxes]
    return [f"{_YES if box.ticked else _NO}:{box.value}" for box in boxes]


def choice_of(shown: Sequence[str], ticked: Sequence[str], now: Sequence[Group]) -> Choice | None:
    """What somebody wants, from the fields of the form; None if it was not made by our page.

    Boxes that the page of now would not show, such as a topic that is gone, are passed over.
    """
    here = {
        box.value: f"{group.statement}\n{row.name} · {box.label}"
        for group in now
        for row in group.rows
        for box in row.boxes
    }
    before: dict[Matter, bool] = {}
    wording: dict[Matter, str] = {}
    for text in shown:
        mark, _, value = text.partition(":")
        matter = _matter(value)
        if mark not in (_YES, _NO) or matter is None:
            return None
        if value in here:
            before[matter] = mark == _YES
            wording[matter] = here[value]
    wanted = {_matter(value) for value in ticked}
    if None in wanted:
        return None
    return Choice(before, {matter: matter in wanted for matter in before}, wording)


def _matter(value: str) -> Matter | None:
    purpose, _, rest = value.partition(":")
    channel, colon, topic = rest.partition(":")
    try:
        return (Channel(channel), Purpose(purpose), topic) if colon else None
    except ValueError:
        return None
