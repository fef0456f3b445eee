"""Puts together what the page of a message, or the list of all, shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dangol.definitions.document import one_of
from dangol.editor.samples import DEFAULT, SAMPLES, Sample
from dangol.errors import UsageError
from dangol.model.vocabulary import Channel
from dangol.surfaces.showing.book import Book, Saying, TextName
from dangol.surfaces.showing.pieces import Link, Row, Sheet
from dangol.surfaces.showing.viewing import Reader, Viewer, to_sample

Href = Callable[[str, Sample, str | None], str]
"""Where a message's page is: message, sample, and the campaign unless it is the first that sends it."""


def campaigns_of(book: Book, message: str) -> list[str | None]:
    """The campaigns that send the message; None stands for the first."""
    sayings = book.sayings[message]
    return [None, *(one.campaign.key for one in sayings[1:] if one.campaign is not None)]


def sheet_of(viewer: Viewer, book: Book, saying: Saying, sample: Sample, href: Href, *, index: str) -> Sheet:
    """A message said to a sample, with the way to all other samples and to the other campaigns that send it."""
    sayings = book.sayings[saying.message]
    named = None if saying is sayings[0] or saying.campaign is None else saying.campaign.key
    samples = [Link(one.key, one.about, href(saying.message, one, named), one == sample) for one in SAMPLES]
    campaigns = [
        Link(one.campaign.name, one.campaign.key, href(saying.message, sample, key), key == named)
        for one, key in zip(sayings, campaigns_of(book, saying.message), strict=False)
        if one.campaign is not None
    ]
    plain = sheet_for(viewer, book, saying, to_sample(sample), saying.texts)
    return Sheet(saying, plain.previews, plain.findings, tuple(samples), tuple(campaigns), index)


def sheet_for(
    viewer: Viewer,
    book: Book,
    saying: Saying,
    reader: Reader,
    texts: Iterable[TextName],
    *,
    called: Link | None = None,
    real: bool = False,
    jurisdictions: Sequence[str] = (),
) -> Sheet:
    """These texts of a message, said to ``reader``, whom the page calls ``called``; nothing else to choose from.

    ``jurisdictions`` are the codes of the packs that bind the reader.
    """
    previews = tuple(viewer.show(saying, text, reader, jurisdictions) for text in texts)
    findings = viewer.findings(_alike(book, saying))
    return Sheet(saying, previews, findings, samples=(called,) if called else (), real=real)


def rows_of(viewer: Viewer, book: Book, href: Href) -> list[Row]:
    """Every message, for the list of all."""
    return [
        Row(message, href(message, DEFAULT, None), sayings, viewer.findings(_alike(book, sayings[0])))
        for message, sayings in book.sayings.items()
    ]


def chosen(saying: Saying, channel: Channel | None = None, locale: str | None = None) -> tuple[TextName, ...]:
    """The texts of this channel and locale, all where none is named. Raises UsageError if there are none."""
    found = tuple(text for text in saying.texts if channel in (None, text.channel) and locale in (None, text.locale))
    if not found:
        asked = " in ".join(word for word in (f"by {channel.value}" if channel else "", locale or "") if word)
        there = one_of([f"{text.channel.value} {text.locale}" for text in saying.texts])
        raise UsageError(f"`{saying.message}` has no text {asked}; expected {there}")
    return found


def _alike(book: Book, saying: Saying) -> list[Saying]:
    """Those who say this message from the same files."""
    return [one for one in book.sayings[saying.message] if one.workspace is saying.workspace]
