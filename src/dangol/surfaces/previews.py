"""What a version's messages look like, said to somebody who does not exist: no page shows a real person's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from dangol.definitions.versions import Version
from dangol.errors import RenderError
from dangol.model.message import Rendered
from dangol.model.steps import Send
from dangol.model.vocabulary import Channel
from dangol.model.workspace import TrackingPlan, ValueType
from dangol.release import Release

_CALLED = {
    "ko": {"name": "김하늘", "given_name": "하늘", "currency": "KRW", "store": "성수점"},
    "en": {"name": "Alex Kim", "given_name": "Alex", "currency": "KRW", "store": "Seongsu"},
}
_PROFILE = {
    "id": "c-1042",
    "email": "someone@example.com",
    "phone": "+821000000000",
    "timezone": "Asia/Seoul",
    "country": "KR",
    "created_at": "2026-01-05T09:00:00+09:00",
}
_BY_TYPE: Mapping[ValueType, Any] = {
    ValueType.NUMBER: 39_000,
    ValueType.BOOLEAN: True,
    ValueType.DATE: "2026-12-24",
    ValueType.DATETIME: "2026-12-24T15:00:00+09:00",
}
_FEW = ("quantity", "rating", "orders", "count")


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
    """Every text that the campaign can send, by message, channel, stage and locale.

    What is said in the same words in a further stage is not shown again.
    """
    wanted = dict.fromkeys(
        (one.step.send, channel, one.stage)
        for one in version.campaign.placed
        if isinstance(one.step, Send)
        for channel in one.step.every_channel
    )
    shown: dict[object, Preview] = {}
    for message, channel, stage in wanted:
        for locale in locales(version, message, channel):
            made = preview(version, release, message, channel, locale, stage)
            said = made.rendered.content() if made.rendered is not None else made.problem
            shown.setdefault((message, channel, locale, said), made)
    return list(shown.values())


def preview(
    version: Version, release: Release, message: str, channel: Channel, locale: str, stage: str = ""
) -> Preview:
    """One text of the campaign, in the first stage that sends it unless another is named."""
    stage = stage or stages(version, message)[0]
    context = sample(version.workspace.tracking_plan, version.campaign.entry.opened_by, locale)
    sender = release.messages.sender(channel)
    try:
        rendered = release.messages.render(message, channel, locale, context, stage)
    except RenderError as error:
        return Preview(message, channel, locale, stage, sender, None, str(error))
    return Preview(message, channel, locale, stage, sender, rendered)


def stages(version: Version, message: str) -> list[str]:
    """The stages of the journey in which the campaign sends the message, in its order."""
    placed = version.campaign.placed
    return list(dict.fromkeys(one.stage for one in placed if isinstance(one.step, Send) and one.step.send == message))


def locales(version: Version, message: str, channel: Channel) -> list[str]:
    """The locales in which this message has a text for the channel; the workspace's own first."""
    names = [
        PurePosixPath(path).name.split(".")
        for path in version.workspace.sources
        if path.startswith(f"templates/{message}/")
    ]
    found = {parts[1] for parts in names if len(parts) > 2 and parts[0] == channel.value}
    return sorted(found, key=lambda locale: (locale != version.workspace.policies.locale, locale))


def sample(plan: TrackingPlan, event: str | None, locale: str) -> dict[str, dict[str, Any]]:
    """Data for everything that a text may name, made up from the tracking plan."""
    profile = {name: _value(name, kind, locale) for name, kind in plan.attributes.items()}
    happened = {name: _value(name, kind, locale) for name, kind in plan.events.get(event or "", {}).items()}
    return {"profile": {**profile, **_PROFILE, "locale": locale}, "event": happened, "entry": happened}


def _value(name: str, kind: ValueType, locale: str) -> Any:
    if kind is ValueType.LIST:
        return ["…"]
    if kind is ValueType.NUMBER and any(word in name for word in _FEW):
        return 3
    if kind is not ValueType.STRING:
        return _BY_TYPE[kind]
    called = _CALLED["ko" if locale.startswith("ko") else "en"]
    if name in called:
        return called[name]
    if name.endswith("url"):
        return f"https://shop.example/{name.removesuffix('url').strip('_') or 'page'}"
    return "A-1042" if name.endswith("id") else f"[{name.replace('_', ' ')}]"
