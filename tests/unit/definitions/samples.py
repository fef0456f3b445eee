"""A small workspace to make mistakes in."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from dangol.definitions.workspace import parse_workspace
from dangol.model.problem import Problem

REPOSITORY = Path(__file__).parents[3]

CAMPAIGN = """\
key: cart
name: Cart
purpose: marketing
entry:
  event: Checkout Started
stages:
  - stage: purchase
    steps:
      - send: nudge
        channels: [push, email]
"""
SHARED = {
    "campaigns/journey-map.yaml": """\
stages:
  - {key: purchase, name: Purchase, intent: Pay.}
  - {key: loyalty, name: Loyalty, intent: Be known.}
""",
    "campaigns/policies.yaml": "timezone: Asia/Seoul\nlocale: ko\n",
    "campaigns/tracking-plan.yaml": """\
attributes: {name: string, vip: boolean}
events:
  Checkout Started: {value: number}
  Order Completed: {value: number, currency: string}
""",
}
TEMPLATES = {
    "templates/brand/voice.yaml": "tone: warm\n",
    "templates/nudge/push.ko.txt.j2": "title\n",
    "templates/nudge/email.ko.md.j2": "mail\n",
    "templates/nudge/email.en.md.j2": "mail\n",
    "templates/thanks/sms.ko.txt.j2": "thanks\n",
}


def sources(**campaigns: str) -> dict[str, str]:
    """The small workspace with these campaigns; ``_`` in a name of a shared file stands for ``-``."""
    files = {f"campaigns/{name}.yaml": dedent(text) for name, text in campaigns.items()}
    return {**SHARED, **TEMPLATES, **files}


def problems(text: str, **others: str) -> list[Problem]:
    """What is wrong with ``text`` as campaigns/cart.yaml."""
    return parse_workspace(sources(cart=text, **others))[1]


def problems_in(kind: str, text: str) -> list[Problem]:
    """What is wrong with a shared file, such as ``policies``."""
    return parse_workspace({**sources(cart=CAMPAIGN), f"campaigns/{kind}.yaml": dedent(text)})[1]


def texts_for(files: dict[str, str], messages: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """``files`` with an empty text for every channel of every message."""
    texts = {
        f"templates/{name}/{channel}.ko.txt.j2": "x\n" for name, channels in messages.items() for channel in channels
    }
    return {**files, **texts}
