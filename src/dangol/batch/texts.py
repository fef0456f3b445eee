"""The text of one message to one person, made from what the batch knows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dangol.batch.facts import Briefing, Claimed, PersonalLinks
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel


@dataclass(frozen=True, slots=True)
class Said:
    """A text with all that it takes to make it again: the context, and the packs whose labels it carries."""

    rendered: Rendered
    context: Mapping[str, Mapping[str, Any]]
    jurisdictions: tuple[str, ...] = ()


def say(
    claimed: Claimed,
    channel: Channel,
    briefing: Briefing,
    links: PersonalLinks,
    *,
    template: str = "",
    digest: Mapping[str, Any] | None = None,
) -> Said:
    """The message's own text, or that of ``template`` about a ``digest``. Raises RenderError and ContentTooLong."""
    row, texts = claimed.row, claimed.release.messages
    profile = briefing.profiles[row.profile_id]
    codes, name = claimed.release.binding(profile), template or row.template
    variables = texts.variables(name, channel, profile.locale, row.stage)
    context = briefing.context(claimed, variables, links, digest=digest or {})
    rendered = texts.render(name, channel, profile.locale, context, row.stage, jurisdictions=codes)
    return Said(rendered, context, codes)
