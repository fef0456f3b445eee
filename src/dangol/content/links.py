"""Where a link may lead: to the web, to a mail or phone program, or into the brand's own app."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from dangol.content.tags import Slots, Tag

NEVER = frozenset({"about", "blob", "data", "file", "filesystem", "intent", "javascript", "vbscript", "view-source"})
"""Schemes that run code or open what is not the brand's, whoever lists them."""
_REST = r"[^\s<>\"'`\\\x00-\x1f\x7f]*"

AboutLink = Callable[[str, str, str], None]
"""Called with a code, a message and the link's target."""


class Links:
    """The links that one kind of place may hold. ``schemes`` are those of the brand's app."""

    def __init__(self, filter: str, schemes: Iterable[str] = (), *, contacts: bool = True) -> None:
        own = tuple(sorted({scheme.lower() for scheme in schemes} - NEVER))
        begins = [r"https?://[^\s/]", *((r"mailto:", r"tel:") if contacts else ()), *(f"{re.escape(s)}:" for s in own)]
        self._begin = re.compile(f"(?:{'|'.join(begins)})", re.IGNORECASE)
        self._whole = re.compile(f"(?:{'|'.join(begins)}){_REST}", re.IGNORECASE)
        self.filter = filter
        names = ["https://", "http://", *(("mailto:", "tel:") if contacts else ()), *(f"{scheme}:" for scheme in own)]
        self.expected = f"a link that starts with {', '.join(names[:-1])} or {names[-1]}"

    def begins(self, target: str) -> bool:
        return self._begin.match(target) is not None

    def allows(self, target: str) -> bool:
        return self._whole.fullmatch(target) is not None

    def guard(self, target: str, slots: Slots, complain: AboutLink) -> None:
        """Make a written target safe for what data may put into it, and say what is wrong with it.

        A tag that begins a link has to give a whole link; one inside it is percent-encoded. The rest is checked now.
        """
        starts_with_tag = False

        def guarded(tag: Tag, first: bool) -> Tag:
            nonlocal starts_with_tag
            starts_with_tag = starts_with_tag or first
            if tag.kind == "block":
                message = "`{% … %}` cannot stand inside a link; put the whole link inside the block"
                complain("block-in-link", message, "")
                return tag
            return Tag("output", f"({tag.inner}) | {self.filter if first else '_url_part'}", tag.origin)

        slots.change(target, guarded)
        if not starts_with_tag and not self.begins(target):
            complain("bad-link", f"expected {self.expected}; found `{target[:200]}`", target)


FILTERS = frozenset({"url", "_web_url", "_push_url", "_url_part"})
"""What makes a value safe in a link."""


@lru_cache(maxsize=64)
def in_text(schemes: tuple[str, ...]) -> Links:
    """Links that a reader follows in an email."""
    return Links("url", schemes)


@lru_cache(maxsize=64)
def in_push(schemes: tuple[str, ...]) -> Links:
    """Where a push leads."""
    return Links("_push_url", schemes, contacts=False)


IMAGES = Links("_web_url", contacts=False)
"""Where pictures are taken from."""
