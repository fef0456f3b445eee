"""What pages for recipients take from what is in service: who writes, and what there is to choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from dangol.content.voice import Brand
from dangol.definitions import versions
from dangol.model.people import Profile
from dangol.model.restraint import Topic
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import Policies
from dangol.policy.law import Law
from dangol.release import Releases


@dataclass(frozen=True, slots=True)
class House:
    """The brand and the rules of the campaigns in service; without campaigns, none and those that come with dangol."""

    brand: Brand | None = None
    topics: Mapping[str, Topic] = field(default_factory=dict)
    purposes: tuple[Purpose, ...] = Policies().consent_required
    laws: tuple[Law, ...] = ()

    def name(self, language: str) -> str:
        """What the brand is called; empty if nobody knows."""
        return _in(self.brand.name, language) if self.brand is not None else ""

    def contact(self, language: str) -> str:
        """Postal address, phone and email in one line; empty if nobody knows them."""
        if self.brand is None:
            return ""
        return " · ".join((_in(self.brand.address, language), self.brand.phone, self.brand.email))

    def topic(self, key: str, language: str) -> tuple[str, str]:
        """A topic's name and what it brings; the key if it has left the workspace."""
        known = self.topics.get(key)
        return (_in(known.name, language), _in(known.about, language)) if known is not None else (key, "")

    def asks_to_confirm(self, profile: Profile, channel: Channel, purpose: Purpose) -> bool:
        """Whether some rule counts a consent of this person only once it was confirmed by a second message."""
        return any(
            rule.double_opt_in == "required"
            for law in self.laws
            for rule in law.applied(profile, channel, purpose).consent
        )


def house(connection: Connection, releases: Releases) -> House:
    """What is in service now. Where campaigns differ, what was deployed by the later key counts."""
    serving = releases.of(connection, versions.active(connection).values())
    if not serving:
        return House()
    ordered = sorted(serving.values(), key=lambda release: release.campaign.key)
    topics = {key: topic for release in ordered for key, topic in release.policies.topics.items()}
    needed = {purpose for release in ordered for purpose in release.policies.consent_required}
    asked = tuple(purpose for purpose in Purpose if purpose in needed and purpose is not Purpose.TRANSACTIONAL)
    laws = tuple({id(one): one for one in (release.rulebook.law for release in ordered)}.values())
    return House(ordered[-1].messages.voice.brand, topics, asked, laws)


def _in(texts: Mapping[str, str], language: str) -> str:
    """The text in this language or one of its regions, else in any."""
    near = next((text for locale, text in texts.items() if locale.partition("-")[0] == language), None)
    return near if near is not None else next(iter(texts.values()), "")
