"""The packs that come with dangol: what laws ask of messages, as data with its sources. No legal advice."""

from dangol.jurisdictions.packs import packs, parse_packs, serving
from dangol.jurisdictions.places import known_places

__all__ = ["known_places", "packs", "parse_packs", "serving"]
