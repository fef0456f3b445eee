"""Packs: what laws ask of messages, as data with its sources. Some come with dangol, a workspace may add its own.

No legal advice.
"""

from dangol.jurisdictions.packs import check_packs, packs, packs_with, parse_packs, readable_packs, serving
from dangol.jurisdictions.places import known_places

__all__ = ["check_packs", "known_places", "packs", "packs_with", "parse_packs", "readable_packs", "serving"]
