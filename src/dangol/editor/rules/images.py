"""Emails as they look: images, contrast, valid HTML."""

from __future__ import annotations

from collections.abc import Iterable

from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit, Reading
from dangol.editor.page import Page
from dangol.editor.prose import words
from dangol.editor.registry import Scope, Severity, rule

_WORDS_ENOUGH = 10
_NORMAL, _LARGE = 4.5, 3.0


@rule(
    "missing-alt",
    Scope.MESSAGE,
    Severity.ERROR,
    looks_for="An image in an email's text without words for those who do not see it",
    why="Half of all mail programs show no images until asked, and some readers never see them.",
    bad="![](https://dangol.example/sleeve.jpg)",
    better="![The sleeve, with a crease in the upper corner](https://dangol.example/sleeve.jpg)",
)
def missing_alt(reading: Reading) -> Iterable[Hit]:
    for image in reading.images:
        if not image.alt.strip():
            message = f"the image {quoted(image.target)} has no text of its own"
            hint = "say between `![` and `]` what it shows"
            yield Hit(image.start, image.start + 1, message, hint, "body", needle=f"]({image.target}")


@rule(
    "image-only",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="An email that is an image and next to no words",
    why="Where images are not shown, nothing is said. Filters take it for spam.",
    bad="A poster as the whole letter",
    better="The letter in words, and the poster below",
)
def image_only(reading: Reading) -> Iterable[Hit]:
    if reading.images and sum(len(words(one.mask)) for one in reading.of("body")) < _WORDS_ENOUGH:
        image = reading.images[0]
        message = "the email is an image with hardly a word"
        yield Hit(image.start, image.start + 1, message, "say in words what the image says", needle=f"]({image.target}")


@rule(
    "layout-image",
    Scope.HTML,
    Severity.ERROR,
    looks_for='An image of the layout without `alt`; `alt=""` is right for ornaments',
    why="Screen readers read out the file's name instead.",
    bad='<mj-image src="https://dangol.example/logo.png" />',
    better='<mj-image src="https://dangol.example/logo.png" alt="Dangol Records" />',
)
def layout_image(page: Page) -> Iterable[Hit]:
    for attributes in page.images:
        if attributes.get("alt") is None:
            source = attributes.get("src") or ""
            message = f"the image {quoted(source)} has no `alt`"
            yield Hit(0, 0, message, 'say what it shows, or write `alt=""` for an ornament', needle=source)


@rule(
    "contrast",
    Scope.HTML,
    Severity.ERROR,
    looks_for="Text whose colour stands out too little from what is behind it, in light or dark: WCAG 2 level AA, 4.5, from 24 px on 3",
    why="It cannot be read in the sun, on a bad screen, or with weak eyes.",
    bad="color: #aaaaaa on #ffffff",
    better="color: #6b6259 on #ffffff",
)
def contrast(page: Page) -> Iterable[Hit]:
    for one in page.shown():
        wanted = _LARGE if one.large else _NORMAL
        if one.contrast < wanted:
            mode = "dark" if one.dark else "light"
            message = (
                f"{quoted(one.text, 30)} in {one.colour} on {one.background} ({mode}) has a contrast of "
                f"{one.contrast:.1f}; readable is {wanted:g}"
            )
            yield Hit(0, 0, message, "take a darker or a lighter colour", needle=one.colour)


@rule(
    "html",
    Scope.HTML,
    Severity.WARNING,
    looks_for="HTML that a parser has to guess at: elements that are not closed or stand where they may not",
    why="Each mail program guesses differently.",
    bad="<mj-raw><p>text</div></mj-raw>",
    better="<mj-raw><p>text</p></mj-raw>",
)
def html(page: Page) -> Iterable[Hit]:
    for code, line in page.errors[:3]:
        text = page.html.split("\n")[line - 1].strip()
        message = f"the email's HTML is not valid: {code.replace('-', ' ')}"
        yield Hit(0, 0, message, "look at the layout, and at HTML in the text", needle=text[:40])
