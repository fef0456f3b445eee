"""What consents are called on the pages, and what whoever keeps theirs says yes to."""

from __future__ import annotations

from collections.abc import Mapping

from dangol.consent import keeping
from dangol.consent.choosing import Standing
from dangol.consent.folding import Matter
from dangol.model.vocabulary import NIGHT
from dangol.surfaces.recipients.brand import House
from dangol.surfaces.recipients.words import WORDS


def wordings(person: Standing, here: House, language: str) -> Mapping[Matter, str]:
    """What whoever keeps their consents says yes to, for each of them."""
    statement = WORDS[language]["keep_statement"]
    return {matter: f"{statement}\n{name_of(matter, here, language)}" for matter in keeping.to_keep(person)}


def name_of(matter: Matter, here: House, language: str) -> str:
    """What a consent is about, in words."""
    channel, purpose, topic = matter
    words = WORDS[language]
    about = words["night_topic"] if topic == NIGHT else here.topic(topic, language)[0] if topic else words["all_of"]
    return f"{words['purposes'][purpose]} · {about} · {words['channels'][channel]}"
