"""The sample library lists every shipped message, in the stage that it is sent in and with its channels."""

from __future__ import annotations

import re
from pathlib import Path

from dangol.definitions.workspace import load_workspace
from dangol.model.steps import Send
from dangol.model.vocabulary import Channel

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sample-library.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", PAGE, re.MULTILINE))
NAMES = {Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.PUSH: "push"}


def test_every_message_is_listed_once_and_no_other() -> None:
    messages = {path.name for path in (ROOT / "templates").iterdir()} - {"brand"}
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(messages)
    assert len(messages) >= 24


def test_the_channels_are_those_on_which_campaigns_send_it() -> None:
    sent: dict[str, set[Channel]] = {}
    workspace = load_workspace(ROOT)
    for campaign in workspace.campaigns.values():
        for placed in campaign.placed:
            if isinstance(placed.step, Send):
                sent.setdefault(placed.step.send, set()).update(placed.step.every_channel)
    for digest in workspace.policies.digests.values():
        sent.setdefault(digest.template, set()).add(Channel.EMAIL)
    told = {message: set(channels.split(", ")) for message, channels in ROWS.items()}
    assert told == {message: {NAMES[channel] for channel in channels} for message, channels in sent.items()}


def test_every_message_is_there_in_korean_and_english_on_each_of_its_channels() -> None:
    for message, channels in ROWS.items():
        for channel in channels.split(", "):
            locales = {path.name.split(".")[1] for path in (ROOT / "templates" / message).glob(f"{channel.lower()}.*")}
            assert {"ko", "en"} <= locales, (message, channel)
