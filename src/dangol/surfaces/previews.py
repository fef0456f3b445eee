"""What a version's messages look like, said to somebody who does not exist: no page shows a real person's data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from dangol.definitions.versions import Version
from dangol.editor import samples
from dangol.errors import RenderError
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel
from dangol.release import Release


@dataclass(frozen=True, slots=True)
class Preview:
    """One text of one message. ``rendered`` is None if it cannot be shown; ``problem`` then says why."""

    message: str
    channel: Channel
    locale: str
    sender: str
    rendered: Rendered | None
    problem: str = ""


def previews(version: Version, release: Release) -> list[Preview]:
    """Every text that the campaign can send, by message, channel and locale."""
    wanted = dict.fromkeys((send.send, channel) for send in version.campaign.sends for channel in send.every_channel)
    return [
        preview(version, release, message, channel, locale)
        for message, channel in wanted
        for locale in locales(version, message, channel)
    ]


def preview(version: Version, release: Release, message: str, channel: Channel, locale: str) -> Preview:
    context = samples.context(
        samples.DEFAULT, version.workspace.tracking_plan, version.campaign.entry.opened_by, locale
    )
    sender = release.messages.sender(channel)
    try:
        return Preview(message, channel, locale, sender, release.messages.render(message, channel, locale, context))
    except RenderError as error:
        return Preview(message, channel, locale, sender, None, str(error))


def locales(version: Version, message: str, channel: Channel) -> list[str]:
    """The locales in which this message has a text for the channel; the workspace's own first."""
    names = [
        PurePosixPath(path).name.split(".")
        for path in version.workspace.sources
        if path.startswith(f"templates/{message}/")
    ]
    found = {parts[1] for parts in names if len(parts) > 2 and parts[0] == channel.value}
    return sorted(found, key=lambda locale: (locale != version.workspace.policies.locale, locale))
