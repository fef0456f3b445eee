"""An email's three parts: subject, HTML and plain-text twin.

The layout is MJML. It is filled once per version, with words standing for everything that differs from person to
person, then compiled to HTML, then its CSS is inlined; only after that do the words become Jinja tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import css_inline
from jinja2 import TemplateError, TemplateSyntaxError, nodes
from markupsafe import Markup
from mjml import mjml2html

from dangol.content import dialect, fragments, markdown, twin
from dangol.content.filters import TESTS
from dangol.content.fragments import Fragment
from dangol.content.links import FILTERS, NEVER, Links
from dangol.content.phrasebook import Complain, Speaker
from dangol.content.sandbox import MessageEnvironment, Missing, parse
from dangol.content.sources import LAYOUT, Syntax, TextFile
from dangol.content.tags import Origin, Segment, Slots, Tag

LAYOUT_NAMES = frozenset(
    {"lang", "purpose", "brand", "subject", "preheader", "title", "greeting", "body", "sign_off", "footer"}
)
"""What the layout can put in: ``brand`` has name, address, phone, email, unsubscribe and website."""
_PLACE = "the body's components"
_NEEDED = frozenset({"title", "greeting", "body", "sign_off", "footer"})

_LAYOUT = MessageEnvironment(autoescape=True, undefined=Missing, optimized=False)
_LAYOUT.filters, _LAYOUT.tests, _LAYOUT.globals = {}, dict(TESTS), {}
_INLINER = css_inline.CSSInliner(keep_at_rules=True, minify_css=True, load_remote_stylesheets=False)
_ELEMENT = re.compile(r"<[a-zA-Z][^<>]*>")
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)=\"([^\"]*)\"")
_BETWEEN_BLOCKS = re.compile(r">\s*\n\s*<")
_FOLLOWED = frozenset({"action", "background", "href", "src"})
_SCHEME = re.compile(rf"\s*(?:{'|'.join(sorted(NEVER))})\s*:", re.IGNORECASE)
_STYLE_SHEET = re.compile(r"(?<=<style>).*?(?=</style>)", re.DOTALL)
_CELL_SPACING = re.compile(r"(<td[^>]*style=\")border-collapse:collapse;mso-table-lspace:0pt;mso-table-rspace:0pt;?")


@dataclass(frozen=True, slots=True)
class Draft:
    """What an email is made of, cut into text and tags."""

    file: TextFile
    front: Mapping[str, Sequence[Segment]]
    body: Sequence[Segment]
    footer: Sequence[Segment]
    greeting: Tag
    sign_off: Tag


def build(
    draft: Draft, speaker: Speaker, slots: Slots, layout: str, complain: Complain
) -> dict[str, list[Segment]] | None:
    """The segments of ``subject``, ``preheader``, ``html`` and ``body``, the text twin; None after a complaint."""
    told, links = speaker.file.document, speaker.links
    if draft.file.syntax is Syntax.MARKDOWN:
        body = _Body(*_markdown(draft.body, draft.file.path, draft.file.text, slots, links, complain))
    else:
        written = _fragment(draft, slots, links, complain)
        if written is None:
            return None
        body = written
    footer_html, footer_text = _markdown(draft.footer, told.path, told.text, slots, links, complain)
    values = {
        "lang": speaker.locale,
        "purpose": speaker.purpose.value,
        "brand": speaker.brand(),
        "body": Markup(body.html),  # noqa: S704 - written by markdown-it with html=False, or by ``fragments``
        "footer": Markup(footer_html),  # noqa: S704
        "greeting": Markup(slots.put(draft.greeting)),  # noqa: S704 - a word of ours
        "sign_off": Markup(slots.put(draft.sign_off)),  # noqa: S704
        **{key: Markup(slots.lay(draft.front[key], escape=escape)) for key in ("subject", "preheader", "title")},  # noqa: S704
    }
    html = _compile_layout(layout, values, body.components, slots, complain)
    if html is None or not _attributes_are_safe(html, slots, complain):
        return None
    text = f"{slots.put(draft.greeting)}\n\n{body.text}{slots.put(draft.sign_off)}\n\n-- \n{footer_text.rstrip()}\n"
    return {
        "subject": list(draft.front["subject"]),
        "preheader": list(draft.front["preheader"]),
        "html": list(slots.lift(html)),
        "body": list(slots.lift(text)),
    }


@dataclass(frozen=True, slots=True)
class _Body:
    """A body as HTML and as text. ``components`` is its MJML, for which ``html`` only keeps the place."""

    html: str
    text: str
    components: str = ""


def _fragment(draft: Draft, slots: Slots, links: Links, complain: Complain) -> _Body | None:
    """A body in HTML or MJML; None after a complaint about what holds it up."""
    file, wrong = draft.file, False

    def tell(origin: Origin, code: str, message: str, word: str, hint: str) -> None:
        nonlocal wrong
        wrong = True
        complain(origin, code, message, word, hint)

    components = file.syntax is Syntax.MJML
    html = Fragment(slots, links, file.body_origin, tell, components=components).read(slots.lay(draft.body))
    _look_for_crossed(html, slots, tell)
    if wrong:
        return None
    if not components:
        return _Body(html, twin.to_text(html, slots))
    try:
        alone = mjml2html(f"<mjml><mj-body><mj-section><mj-column>{html}</mj-column></mj-section></mj-body></mjml>")
    except ValueError as error:
        complain(file.body_origin, "bad-mjml", f"MJML cannot read the body: {error}", "", "")
        return None
    if slots.words(html) - slots.words(alone):
        message = "MJML drops something that differs from person to person"
        complain(file.body_origin, "bad-mjml", message, "", "put it into an `<mj-text>`")
        return None
    return _Body(f"<!--{_PLACE}-->", twin.to_text(alone, slots), html)


def _markdown(
    segments: Sequence[Segment], path: str, source: str, slots: Slots, links: Links, complain: Complain
) -> tuple[str, str]:
    def about_link(code: str, message: str, target: str) -> None:
        complain(Origin(path, source.count("\n", 0, max(source.find(target), 0)) + 1), code, message, target, "")

    tokens = markdown.parse(markdown.lay(segments, slots), slots, links, about_link)
    html = markdown.to_html(tokens, slots)
    _look_for_crossed(html, slots, complain)
    return html, markdown.to_text(tokens, slots)


def _look_for_crossed(html: str, slots: Slots, complain: Complain) -> None:
    if crossed := markdown.crossed_block(html, slots):
        message = "this block begins inside one element and ends inside another, such as a list or bold text"
        complain(crossed, "crossed-block", message, "", "put `{% … %}` on lines of their own, around whole paragraphs")


def _compile_layout(
    layout: str, values: Mapping[str, object], components: str, slots: Slots, complain: Complain
) -> str | None:
    try:
        tree = parse(_LAYOUT, layout)
        if not _layout_is_sound(tree, complain):
            return None
        filled = _LAYOUT.from_string(tree).render(values)
        if components:
            whole = fragments.into(filled, components, f"<!--{_PLACE}-->")
            if whole is None:
                message = "an MJML body needs `{{ body }}` to stand in an `<mj-text>` of the layout; it does not"
                complain(Origin(LAYOUT, 1), "incomplete-layout", message, "body", "")
                return None
            filled = whole
        html = _compact(_INLINER.inline(mjml2html(filled, fonts={})))
    except TemplateSyntaxError as error:
        complain(Origin(LAYOUT, error.lineno), "template-syntax", str(error.message), "", "")
        return None
    except TemplateError as error:
        complain(Origin(LAYOUT, 1), "template-syntax", str(error.message), "", "")
        return None
    except ValueError as error:  # what mjml and css-inline raise
        complain(Origin(LAYOUT, 1), "bad-mjml", f"MJML cannot read the layout: {error}", "", "")
        return None
    if slots.words(filled) - slots.words(html):
        message = "MJML drops something that differs from person to person; it stands where MJML expects a number"
        complain(Origin(LAYOUT, 1), "bad-mjml", message, "", "put it into a text")
        return None
    return html


def _layout_is_sound(tree: nodes.Template, complain: Complain) -> bool:
    reading = dialect.read(tree, filters=_LAYOUT.filters, macros={}, names=LAYOUT_NAMES)
    for finding in reading.findings:
        complain(Origin(LAYOUT, finding.line), finding.code, finding.message, finding.word, finding.hint)
    for loop in tree.find_all(nodes.For):
        complain(Origin(LAYOUT, loop.lineno), "not-available", "`for` is not available in the layout", "for", "")
    missing = _NEEDED - {name.name for name in tree.find_all(nodes.Name)}
    for name in sorted(missing):
        message = f"the layout never says `{{{{ {name} }}}}`, so every email would lack it"
        complain(Origin(LAYOUT, 1), "incomplete-layout", message, "", "put it where it belongs")
    return not (reading.findings or missing or tree.find(nodes.For))


def _compact(html: str) -> str:
    """Without what no reader sees: white space between elements and in CSS, table styles on cells."""
    html = _STYLE_SHEET.sub(lambda sheet: re.sub(r"\s*([{};:,])\s*", r"\1", " ".join(sheet[0].split())), html)
    return _CELL_SPACING.sub(r"\1", _BETWEEN_BLOCKS.sub("><", html))


def _attributes_are_safe(html: str, slots: Slots, complain: Complain) -> bool:
    """Data may stand in text, in a checked link, or in an attribute that is only read; never in style or script."""
    safe = True
    for element in _ELEMENT.finditer(html):
        for attribute in _ATTRIBUTE.finditer(element[0]):
            found = [segment for segment in slots.lift(attribute[2]) if isinstance(segment, Tag)]
            name = attribute[1].lower()
            if name.startswith("on") or (name in _FOLLOWED and _SCHEME.match(attribute[2])):
                message = f"`{name}` would run code; found `{attribute[2][:80]}`"
                complain(Origin(LAYOUT, 1), "unsafe-attribute", message, name, "")
                safe = False
            allowed = name in {"alt", "title", "aria-label", "content"} or (name in {"href", "src"} and _checked(found))
            if found and not allowed:
                message = f"customer data cannot stand in the attribute `{name}`"
                complain(found[0].origin, "unsafe-attribute", message, "", "")
                safe = False
    return safe


def _checked(tags: Sequence[Tag]) -> bool:
    return all(tag.inner.rpartition("| ")[2] in FILTERS for tag in tags)
