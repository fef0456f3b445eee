"""An email's body in HTML or MJML: what may stand in it, checked where it is written, and made well-formed.

The fragment is read with words for tags, so nothing that a customer is called is in it yet. What is not known here to
be harmless is refused: scripts, forms, frames, styles that load something, data in any attribute but a few.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

from dangol.content.links import IMAGES, Links
from dangol.content.phrasebook import Complain
from dangol.content.tags import Origin, Slots, Tag
from dangol.definitions.document import did_you_mean

COMPONENTS = frozenset({"mj-button", "mj-divider", "mj-image", "mj-spacer", "mj-table", "mj-text"})
"""The parts that an MJML body is made of; sections and columns are the layout's."""
_ELEMENTS = frozenset(
    "a abbr b blockquote br caption center code dd del div dl dt em h2 h3 h4 h5 h6 hr i img ins li ol p pre s small"
    " span strong sub sup table tbody td tfoot th thead tr u ul".split()
)
_VOID = frozenset({"br", "hr", "img"})
_ATTRIBUTES = frozenset(
    "align alt bgcolor border cellpadding cellspacing class colspan dir height href id lang role rowspan scope span src"
    " start style title valign width".split()
)
_DATA_MAY_STAND_IN = frozenset({"alt", "aria-label", "title"})
_LINKS = frozenset({"href", "src"})
_LOADS = re.compile(r"url\s*\(|expression\s*\(|@import|-moz-binding|behavior\s*:|\\", re.IGNORECASE)
_CLASS = re.compile(r" css-class=\"[\w -]*\"")
_NO_TEXT = frozenset({"table", "tbody", "tfoot", "thead", "tr", "ul", "ol", "dl"})


class Fragment(HTMLParser):
    """Reads one body. After ``read`` there is ``html``; what is wrong has been complained about.

    ``origin`` is the body's first line, ``components`` whether it is MJML.
    """

    def __init__(self, slots: Slots, links: Links, origin: Origin, complain: Complain, *, components: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._slots, self._links, self._origin, self._told = slots, links, origin, complain
        self._components = components
        self._open: list[tuple[str, Origin]] = []
        self._pieces: list[str] = []
        self._word = re.compile(slots.pattern)

    def read(self, text: str) -> str:
        self.feed(text)
        self.close()
        for name, origin in self._open:
            self._told(origin, "bad-html", f"`<{name}>` is never closed", f"<{name}", f"add `</{name}>`")
        return "".join(self._pieces)

    def _here(self) -> Origin:
        return Origin(self._origin.path, self._origin.line + self.getpos()[0] - 1)

    def _complain(self, code: str, message: str, word: str = "", hint: str = "") -> None:
        self._told(self._here(), code, message, word, hint)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs, empty=tag in _VOID)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID | COMPONENTS:
            self._element(tag, attrs, empty=True)
        else:
            self._complain("bad-html", f"`<{tag}/>` cannot be empty", f"<{tag}", f"write `<{tag}></{tag}>`")

    def _element(self, tag: str, attrs: list[tuple[str, str | None]], *, empty: bool) -> None:
        if self._allowed(tag):
            written = "".join(self._attribute(tag, name, value or "") for name, value in attrs)
            self._pieces.append(f"<{tag}{written}{' /' if empty else ''}>")
        if not empty:
            self._open.append((tag, self._here()))

    def _allowed(self, tag: str) -> bool:
        if tag.startswith("mj-"):
            if not self._components:
                self._complain("unsafe-html", f"`<{tag}>` is MJML; this body is HTML", f"<{tag}", "name it .mjml.j2")
            elif tag not in COMPONENTS:
                hint = did_you_mean(tag, COMPONENTS) or f"there are {', '.join(sorted(COMPONENTS))}"
                self._complain("unsafe-html", f"`<{tag}>` cannot stand in a body", f"<{tag}", hint)
            elif self._open:
                self._complain("bad-html", f"`<{tag}>` cannot stand inside `<{self._open[-1][0]}>`", f"<{tag}")
            else:
                return True
            return False
        if tag not in _ELEMENTS:
            hint = "the layout has the email's heading" if tag == "h1" else did_you_mean(tag, _ELEMENTS)
            self._complain("unsafe-html", f"`<{tag}>` cannot stand in an email's body", f"<{tag}", hint)
            return False
        if tag == "tr" and self._open and self._open[-1][0] in {"table", "mj-table"}:
            # Parsers add a <tbody> of their own, and a loop over the rows would repeat its beginning only.
            self._complain("bad-html", "`<tr>` stands directly in a table", "<tr", "put the rows into `<tbody>`")
        if self._components and not self._open:
            self._complain("bad-html", f"`<{tag}>` stands outside of a component", f"<{tag}", "put it into `<mj-text>`")
        return True

    def _attribute(self, tag: str, name: str, value: str) -> str:
        data = [part for part in self._slots.lift(value) if isinstance(part, Tag)]
        if name.startswith("on") or not (
            name in _ATTRIBUTES or name.startswith("aria-") or (tag in COMPONENTS and re.fullmatch("[a-z-]+", name))
        ):
            hint = did_you_mean(name, _ATTRIBUTES)
            self._complain("unsafe-html", f"the attribute `{name}` cannot stand in an email's body", name, hint)
        elif name in _LINKS:
            links = IMAGES if name == "src" else self._links
            links.guard(value, self._slots, lambda code, message, _: self._complain(code, message, name))
        elif data and (name not in _DATA_MAY_STAND_IN or any(part.kind == "block" for part in data)):
            self._complain("unsafe-attribute", f"customer data cannot stand in the attribute `{name}`", name)
        elif _LOADS.search(value) and name not in _DATA_MAY_STAND_IN:
            self._complain("unsafe-html", f"`{name}` would load something or run code; found `{value[:80]}`", name)
        return f' {name}="{escape(value)}"'

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self._open or self._open[-1][0] != tag:
            within = f"; `<{self._open[-1][0]}>` is open" if self._open else "; nothing is open"
            self._complain("bad-html", f"`</{tag}>` closes nothing here{within}", f"</{tag}")
            return
        self._open.pop()
        if tag in _ELEMENTS or (self._components and tag in COMPONENTS):
            self._pieces.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        rest = self._word.sub("", data).strip()
        parent = self._open[-1][0] if self._open else ""
        outputs = any(isinstance(part, Tag) and part.kind == "output" for part in self._slots.lift(data))
        if (rest or outputs) and (parent in _NO_TEXT or (self._components and not parent)):
            where = f"directly inside `<{parent}>`" if parent else "outside of a component"
            self._complain("bad-html", f"text stands {where}: `{(rest or 'a value')[:40]}`", rest[:20])
        # Mark-up is moved about by MJML and the inliner, comments are not: blocks travel in them.
        self._pieces.append(self._word.sub(self._shielded, escape(data, quote=False)))

    def _shielded(self, match: re.Match[str]) -> str:
        block = self._slots.tag(match).kind == "block"
        return f"<!--{match[0]}-->" if block and not match[0].startswith("<!--") else match[0]

    def handle_comment(self, data: str) -> None:
        """Authors' comments are for authors."""

    def handle_decl(self, decl: str) -> None:
        self._complain("unsafe-html", f"`<!{decl[:40]}>` cannot stand in an email's body")

    def unknown_decl(self, data: str) -> None:
        self.handle_decl(data)

    def handle_pi(self, data: str) -> None:
        self._complain("unsafe-html", f"`<?{data[:40]}>` cannot stand in an email's body")


def into(layout: str, components: str, mark: str) -> str | None:
    """The layout with the components of an MJML body in the place of ``mark``; None if that is in no ``<mj-text>``.

    Components cannot stand in one another, so they stand between the halves of the text that holds the mark. Texts and
    tables without a class get that text's, so that what the layout says of it (in the dark, say) goes for them too.
    """
    place = layout.find(mark)
    start = layout.rfind("<mj-text", 0, place)
    end = layout.find("</mj-text>", place)
    if place < 0 or start < 0 or end < 0 or "</mj-text>" in layout[start:place]:
        return None
    opening = layout[start : layout.index(">", start) + 1]
    before, after = layout[start:place], layout[place + len(mark) : end]
    first = f"{before}</mj-text>" if before.removeprefix(opening).strip() else ""
    last = f"{opening}{after}</mj-text>" if after.strip() else ""
    if found := _CLASS.search(opening):
        components = re.sub(r"<mj-(text|table)(?![^>]*\bcss-class=)", rf"<mj-\1{found[0]}", components)
    return f"{layout[:start]}{first}{components}{last}{layout[end + len('</mj-text>') :]}"
