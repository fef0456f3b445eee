"""An email's HTML, parsed once: its errors, its images, and each text with its colours in light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tinycss2
from coloraide import Color
from justhtml import JustHTML

_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_HIDDEN = re.compile(r"display:\s*none|(?<![\w-])opacity:\s*0(?![.\d])|max-height:\s*0(?![.\d])")
_NO_TEXT = frozenset({"style", "script", "title", "head", "#comment", "!doctype", "template"})
_HARMLESS = frozenset({"expected-doctype-but-got-start-tag", "unknown-doctype"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A text with its colours as the page says them, and how they contrast. ``large`` texts need less of it."""

    text: str
    colour: str
    background: str
    contrast: float
    large: bool
    dark: bool


class Page:
    """One email. ``errors`` are what an HTML parser complains about; ``images`` the attributes of each image."""

    def __init__(self, html: str) -> None:
        self._document: Any = JustHTML(html, collect_errors=True, sanitize=False)
        told = ((str(one.code), int(one.line or 1)) for one in self._document.errors)
        self.errors = [(code, line) for code, line in told if code not in _HARMLESS]
        self.images: list[dict[str, str | None]] = [dict(image.attrs or {}) for image in self._document.query("img")]
        self.html = html

    def shown(self) -> Iterator[Shown]:
        """Each different pair of colours that a text has, in light and, where the email has dark styles, in dark."""
        for dark in (False, True):
            rules = dark_rules(self.html) if dark else ()
            if dark and not rules:
                return
            seen: set[tuple[str, str, bool]] = set()
            forced = self._forced(rules)
            for node, text in _texts(self._document.root, forced):
                one = _shown(node, text, forced, dark)
                if one and (one.colour, one.background, one.large) not in seen:
                    seen.add((one.colour, one.background, one.large))
                    yield one

    def _forced(self, rules: tuple[tuple[str, dict[str, str]], ...]) -> dict[int, dict[str, str]]:
        """What dark styles say of each element, by the element's identity."""
        forced: dict[int, dict[str, str]] = {}
        for selector, said in rules:
            for element in _query(self._document, selector):
                forced.setdefault(id(element), {}).update(said)
        return forced


def _query(document: Any, selector: str) -> list[Any]:
    try:
        return list(document.query(selector))
    except ValueError:  # a selector that it does not know, such as one of a single mail program
        return []


@lru_cache(maxsize=64)
def _rules(style: str) -> tuple[tuple[str, dict[str, str]], ...]:
    found: list[tuple[str, dict[str, str]]] = []
    for sheet in tinycss2.parse_stylesheet(style, skip_comments=True, skip_whitespace=True):
        if sheet.type != "at-rule" or sheet.lower_at_keyword != "media" or sheet.content is None:
            continue
        if "dark" not in tinycss2.serialize(sheet.prelude):
            continue
        for rule in tinycss2.parse_rule_list(sheet.content, skip_comments=True, skip_whitespace=True):
            if rule.type == "qualified-rule":
                said = _declarations(rule.content)
                found += [(one.strip(), said) for one in tinycss2.serialize(rule.prelude).split(",")]
    return tuple(found)


def dark_rules(html: str) -> tuple[tuple[str, dict[str, str]], ...]:
    """Selectors with their declarations, of every style that holds in dark mode."""
    return tuple(rule for style in _STYLE.findall(html) for rule in _rules(style))


def _declarations(content: Any) -> dict[str, str]:
    parsed = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return {one.lower_name: tinycss2.serialize(one.value).strip() for one in parsed if one.type == "declaration"}


@lru_cache(maxsize=4096)
def _styles(style: str) -> dict[str, str]:
    return _declarations(style)


def _texts(root: Any, forced: dict[int, dict[str, str]]) -> Iterator[tuple[Any, str]]:
    """Every element with text of its own, and that text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.name in _NO_TEXT or _HIDDEN.search((getattr(node, "attrs", None) or {}).get("style") or ""):
            continue
        children = list(getattr(node, "children", None) or ())
        own = " ".join(str(child.data) for child in children if child.name == "#text" and str(child.data).strip())
        if own.strip():
            yield node, " ".join(own.split())
        waiting += [child for child in reversed(children) if child.name != "#text"]


def _shown(node: Any, text: str, forced: dict[int, dict[str, str]], dark: bool) -> Shown | None:
    colour = _inherited(node, forced, ("color",)) or "#000000"
    background = _inherited(node, forced, ("background-color", "background")) or "#ffffff"
    size = _inherited(node, forced, ("font-size",)) or "16px"
    large = (match := re.match(r"([\d.]+)px", size)) is not None and float(match[1]) >= 24
    ratio = contrast(colour, background)
    return Shown(text, colour, background, ratio, large, dark) if ratio is not None else None


def _inherited(node: Any, forced: dict[int, dict[str, str]], names: tuple[str, ...]) -> str | None:
    while node is not None:
        attributes = getattr(node, "attrs", None) or {}
        said = {**_styles(attributes.get("style") or ""), **forced.get(id(node), {})}
        for name in names:
            value = said.get(name, "").replace("!important", "").strip()
            if name == "background" and not _colour(value):
                continue
            if value and value not in {"transparent", "none", "inherit", "initial"}:
                return value
        if "background-color" in names and attributes.get("bgcolor"):
            return str(attributes["bgcolor"])
        node = node.parent
    return None


@lru_cache(maxsize=4096)
def _colour(value: str) -> bool:
    return bool(value) and Color.match(value) is not None


@lru_cache(maxsize=4096)
def contrast(colour: str, background: str) -> float | None:
    """The contrast of two CSS colours by WCAG 2, from 1 to 21; None if one of them cannot be read."""
    try:
        return float(Color(colour).contrast(Color(background), method="wcag21"))
    except ValueError:
        return None
