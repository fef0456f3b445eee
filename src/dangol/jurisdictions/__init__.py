"""The packs that come with dangol: what laws ask of messages, as data with its sources. No legal advice."""

from dangol.jurisdictions.packs import packs, parse_packs, serving

__all__ = ["packs", "parse_packs", "serving"]
