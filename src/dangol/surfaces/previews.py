"""What a version's messages look like, said to somebody who does not exist: no page shows a real person's data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from dangol.definitions.versions import Version
from dangol.editor import samples
from dangol.errors import RenderError
from dangol.model.message import Rendered
from dangol.model.steps import Send
from dangol.model.vocabulary import Channel
from dangol.release import Release


@dataclass(frozen=True, slots=True)
class Preview:
    """One text of one message, as it is said in ``stage`` of the journey.

    ``rendered`` is None if it cannot be shown; ``problem`` then says why.
    """

    message: str
    channel: Channel
    locale: str
    stage: str
    sender: str
    rendered: Rendered | None
    problem: str = ""


def previews(version: Version, release: Release) -> list[Preview]:
    """Every text that the campaign can send, those of its digests among them, by message, channel, stage and locale.

    What is said in the same words in a further stage is not shown again.
    """
    shown: dict[object, Preview] = {}
    for message, channel, stage in said_by(version):
        for locale in locales(version, message, channel):
            made = preview(version, release, message, channel, locale, stage)
            said = made.rendered.content() if made.rendered is not None else made.problem
            shown.setdefault((message, channel, locale, said), made)
    return list(shown.values())


def said_by(version: Version) -> list[tuple[str, Channel, str]]:
    """What the campaign sends: message, channel and stage. Behind a message is the digest that it waits for."""
    digests = version.workspace.digest_templates(version.campaign.key)
    found: dict[tuple[str, Channel, str], None] = {}
    for placed in version.campaign.placed:
        if isinstance(placed.step, Send):
            said = [(placed.step.send, channel) for channel in placed.step.every_channel]
            if (digest := digests.get(placed.step.digest or "")) is not None:
                said.append((digest, Channel.EMAIL))
            found |= dict.fromkeys((message, channel, placed.stage) for message, channel in said)
    return list(found)


def preview(
    version: Version, release: Release, message: str, channel: Channel, locale: str, stage: str = ""
) -> Preview:
    """One text of the campaign, in the first stage that sends it unless another is named."""
    stage = stage or stages(version, message)[0]
    context = samples.context(
        samples.DEFAULT, version.workspace.tracking_plan, version.campaign.entry.opened_by, locale
    )
    sender = release.messages.sender(channel, locale)
    try:
        rendered = release.messages.render(message, channel, locale, context, stage)
    except RenderError as error:
        return Preview(message, channel, locale, stage, sender, None, str(error))
    return Preview(message, channel, locale, stage, sender, rendered)


def stages(version: Version, message: str) -> list[str]:
    """The stages of the journey in which the campaign sends the message, in its order."""
    return list(dict.fromkeys(stage for said, _, stage in said_by(version) if said == message))


def locales(version: Version, message: str, channel: Channel) -> list[str]:
    """The locales in which this message has a text for the channel; the workspace's own first."""
    names = [
        PurePosixPath(path).name.split(".")
        for path in version.workspace.sources
        if path.startswith(f"templates/{message}/")
    ]
    found = {parts[1] for parts in names if len(parts) > 2 and parts[0] == channel.value}
    return sorted(found, key=lambda locale: (locale != version.workspace.policies.locale, locale))
