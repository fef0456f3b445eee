"""A workspace with the shipped brand and one message, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dangol.content.messages import Messages, compile_messages
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Purpose

ROOT = Path(__file__).parents[3]
SHIPPED = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "templates").rglob("*"))
    if path.is_file()
}
BRAND = {path: text for path, text in SHIPPED.items() if path.startswith("templates/brand/")}
FILES = {"email": "email.{}.md.j2", "sms": "sms.{}.txt.j2", "push": "push.{}.txt.j2"}
FRONT = {
    "email": "---\nsubject: {subject}\npreheader: P\ntitle: T\n---\n",
    "sms": "",
    "push": "---\ntitle: {subject}\n---\n",
}


def message(
    body: str, *, channel: str = "email", locale: str = "en", subject: str = "S", key: str = "note"
) -> dict[str, str]:
    """The sources of one text, without the brand."""
    return {f"templates/{key}/{FILES[channel].format(locale)}": FRONT[channel].format(subject=subject) + body}


def compiled(sources: dict[str, str], *, purpose: Purpose = Purpose.TRANSACTIONAL, locale: str = "en") -> Messages:
    return compile_messages({**BRAND, **sources}, templates=["note"], purpose=purpose, default_locale=locale)


def render(
    body: str,
    profile: dict[str, Any] | None = None,
    event: dict[str, Any] | None = None,
    *,
    channel: str = "email",
    locale: str = "en",
    subject: str = "S",
    purpose: Purpose = Purpose.TRANSACTIONAL,
) -> Rendered:
    """The message whose one text is ``body``, rendered for one person."""
    made = compiled(message(body, channel=channel, locale=locale, subject=subject), purpose=purpose, locale=locale)
    return made.render("note", Channel(channel), locale, {"profile": profile or {}, "event": event or {}})
