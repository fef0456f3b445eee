"""An email's Markdown, parsed once, written twice: as HTML and as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from dangol.content.links import IMAGES, AboutLink, Links
from dangol.content.tags import Origin, Segment, Slots
from dangol.content.twin import shown

_RENDERER = RendererHTML()
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True})


def lay(segments: Sequence[Segment], slots: Slots) -> str:
    """Markdown with words for tags; a block tag alone on its line becomes a paragraph of its own."""
    pieces: list[str] = []
    for index, segment in enumerate(segments):
        if isinstance(segment, str):
            pieces.append(segment)
        elif segment.kind == "block" and _alone(segments, index):
            pieces.append(f"\n\n{slots.put(segment)}\n\n")
        else:
            pieces.append(slots.put(segment))
    return "".join(pieces)


def _alone(segments: Sequence[Segment], index: int) -> bool:
    before = segments[index - 1] if index else "\n"
    after = segments[index + 1] if index + 1 < len(segments) else "\n"
    starts = isinstance(before, str) and (before.rstrip(" ").endswith("\n") or (index == 1 and not before.strip()))
    return starts and isinstance(after, str) and after.lstrip(" ").startswith("\n")


def parse(text: str, slots: Slots, links: Links, complain: AboutLink) -> list[Token]:
    """Markdown's tokens, with every link checked and made safe for what data may put into it."""
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                links.guard(str(child.attrGet("href")), slots, complain)
            elif child.type == "image":
                IMAGES.guard(str(child.attrGet("src")), slots, complain)
    return tokens


def to_html(tokens: Sequence[Token], slots: Slots) -> str:
    """HTML with words for tags. Block tags alone become comments, a link alone in its paragraph becomes a button."""
    written: list[Token] = []
    for index, token in enumerate(tokens):
        if token.type == "inline" and tokens[index - 1].type == "paragraph_open":
            replacement = _paragraph(token, slots)
            if replacement is not None:
                written[-1] = replacement
                continue
        if token.type == "paragraph_close" and written[-1].type == "html_block":
            continue
        written.append(token)
    return str(_RENDERER.render(written, _MARKDOWN.options, {}))


def _paragraph(inline: Token, slots: Slots) -> Token | None:
    """What stands in place of a paragraph that is only a block tag or only a link."""
    if slots.block_alone(inline.content):
        return Token("html_block", "", 0, content=f"<!--{inline.content.strip()}-->\n")
    children = inline.children or []
    if _only_link(children):
        target = escape(str(children[0].attrGet("href")))
        label = _RENDERER.renderInline(children[1:-1], _MARKDOWN.options, {})
        content = (
            '<table role="presentation" class="button" border="0" cellpadding="0" cellspacing="0"><tbody><tr>'
            f'<td class="button-cell"><a class="button-link" href="{target}">{label}</a></td></tr></tbody></table>\n'
        )
        return Token("html_block", "", 0, content=content)
    return None


def _only_link(children: Sequence[Token]) -> bool:
    opens = [token.type for token in children].count("link_open")
    return opens == 1 and children[0].type == "link_open" and children[-1].type == "link_close"


def to_text(tokens: Sequence[Token], slots: Slots) -> str:
    """Plain text with words for tags: paragraphs apart, lists with dashes, links as ``text: target``.

    Ends with an empty line, so that what follows a block tag at the end stands right.
    """
    writer = _TextWriter(slots)
    for token in tokens:
        writer.take(token)
    return "".join(writer.pieces)


class _TextWriter:
    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.pieces: list[str] = []
        self.lists: list[int | None] = []
        self.quotes = 0
        self.marker = ""

    def take(self, token: Token) -> None:
        kind = token.type
        if kind in {"bullet_list_open", "ordered_list_open"}:
            self.lists.append(int(token.attrGet("start") or 1) if kind.startswith("ordered") else None)
        elif kind in {"bullet_list_close", "ordered_list_close"}:
            self.lists.pop()
            if not self.lists:
                self.pieces.append("\n")
        elif kind == "list_item_open":
            self.marker = self._marker()
        elif kind in {"blockquote_open", "blockquote_close"}:
            self.quotes += 1 if kind == "blockquote_open" else -1
        elif kind == "hr":
            self._paragraph("* * *")
        elif kind in {"fence", "code_block"}:
            self._paragraph(token.content.rstrip("\n"))
        elif kind == "inline":
            self._paragraph(_inline_text(token.children or []), alone=self.slots.block_alone(token.content))

    def _marker(self) -> str:
        number = self.lists[-1]
        if number is None:
            return "- "
        self.lists[-1] = number + 1
        return f"{number}. "

    def _paragraph(self, text: str, *, alone: bool = False) -> None:
        if alone:
            self.pieces.append(text)
            return
        quote = "> " * self.quotes
        indent = "  " * len(self.lists)
        first = indent[2:] + self.marker if self.marker else indent
        self.marker = ""
        lines = text.split("\n")
        written = [quote + (first if index == 0 else indent) + line for index, line in enumerate(lines)]
        self.pieces.append("\n".join(written) + ("\n" if self.lists else "\n\n"))


def _inline_text(children: Sequence[Token]) -> str:
    pieces: list[str] = []
    alone = _only_link(children)
    label_from = 0
    target = ""
    for token in children:
        if token.type in {"text", "code_inline"}:
            pieces.append(token.content)
        elif token.type in {"softbreak", "hardbreak"}:
            pieces.append("\n")
        elif token.type == "image":
            pieces.append(token.content)
        elif token.type == "link_open":
            label_from, target = len(pieces), str(token.attrGet("href"))
        elif token.type == "link_close":
            label = "".join(pieces[label_from:])
            address = shown(target)
            if address != label:
                pieces.append(f": {address}" if alone else f" ({address})")
    return "".join(pieces)


_MARK_UP = r"<!--.*?-->|<(?P<close>/?)(?P<name>[a-zA-Z][\w-]*)[^>]*?(?P<empty>/?)>"
_VOID = frozenset({"br", "hr", "img"})
_MIDDLE = frozenset({"else", "elif"})


def crossed_block(html: str, slots: Slots) -> Origin | None:
    """The first block tag whose halves stand in different elements, so that the mark-up can break."""
    elements: list[int] = []
    opened: list[tuple[int, ...]] = []
    for match in re.finditer(f"{slots.pattern}|{_MARK_UP}", html, re.DOTALL):
        if match["slot"] is not None:
            tag = slots.tag(match)
            word = tag.inner.split(maxsplit=1)[0] if tag.kind == "block" else "set"
            closes = word.startswith("end")
            if (closes or word in _MIDDLE) and (not opened or opened[-1] != tuple(elements)):
                return tag.origin
            if closes:
                opened.pop()
            elif word in {"if", "for"}:
                opened.append(tuple(elements))
        elif match["name"] and not match["empty"] and match["name"] not in _VOID:
            _enter_or_leave(elements, match)
    return None


def _enter_or_leave(elements: list[int], match: re.Match[str]) -> None:
    """Keep the positions at which the elements around this place were opened."""
    if not match["close"]:
        elements.append(match.start())
    elif elements:
        elements.pop()
