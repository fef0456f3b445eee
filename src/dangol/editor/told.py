"""What the texts of all messages tell, gathered while they are read, and where each word of it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dangol.content.sources import TextFile
from dangol.content.voice import Voice
from dangol.editor.facts import Fact, FactReview, Place, Rendering, WordPlaces, review
from dangol.editor.model import Passage, Send
from dangol.editor.spoken import line_and_column, place_of
from dangol.model.vocabulary import Channel

_FRAME = frozenset({"greeting", "sign_off"})


class Told:
    """Renderings of every text to every sample; greeting, sign-off and footer are the brand's and tell no facts."""

    def __init__(self, sources: Mapping[str, str], sends: Iterable[Send]) -> None:
        self._sources = sources
        self._by_words = WordPlaces(sources)
        self._renderings: dict[tuple[str, str], Rendering] = {}
        self._passages: dict[tuple[str, str], Mapping[str, Passage]] = {}
        self._campaigns: dict[tuple[str, Channel, str | None], set[str]] = {}
        for send in sends:
            for channel in send.channels:
                self._campaigns.setdefault((send.template, channel, send.event), set()).add(send.campaign)

    def add(
        self, file: TextFile, event: str | None, samples: Iterable[str], passages: Mapping[str, Passage], link: str
    ) -> None:
        """The text as these samples read it after this event."""
        campaigns = tuple(sorted(self._campaigns.get((file.template, file.channel, event), ())))
        parts = {part: passage.text for part, passage in passages.items() if part not in _FRAME}
        parts |= {"link": link} if link else {}
        for sample in samples:
            name = f"{sample}, {event}" if event else sample
            rendering = Rendering(file.template, file.channel, file.locale, name, parts, file.path, campaigns)
            self._renderings.setdefault((file.path, name), rendering)
            self._passages.setdefault((file.path, name), passages)

    def review(self, default_locale: str, voice: Voice) -> FactReview:
        """Compare them all. The brand's own numbers and addresses are no facts of a message."""
        brand = voice.brand
        own = frozenset({brand.phone, brand.email, brand.unsubscribe})
        return review(self._renderings.values(), self._place, default_locale=default_locale, own=own)

    def _place(self, rendering: Rendering, fact: Fact | None) -> Place:
        passage = self._passages[rendering.path, rendering.sample].get(fact.part) if fact else None
        if fact is None or passage is None:
            return self._by_words(rendering, fact)
        found = place_of(passage, fact.start, fact.end)
        if not found.path:
            return self._by_words(rendering, fact)
        return Place(found.path, *line_and_column(self._sources, found))
