"""A workspace of sentences: each becomes a message of its own, and the review tells what it finds in it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dangol.definitions.workspace import load_workspace
from dangol.editor.model import Send
from dangol.editor.review import Review, review
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose

ROOT = Path(__file__).parents[3]
FRAME: Mapping[str, Mapping[str, str]] = {
    "en": {
        "subject": "A letter from the shop",
        "preheader": "What we did this week.",
        "title": "This week",
        "button": "[See the shop](https://dangol.example/shop)",
    },
    "ko": {
        "subject": "가게에서 드리는 편지",
        "preheader": "이번 주에 한 일을 적었습니다.",
        "title": "이번 주에 있었던 일",
        "button": "[가게 둘러보기](https://dangol.example/shop)",
    },
}
EVENT = "Product Viewed"


WORDS: Mapping[str, str] = {
    "ko": """\
    glossary:
      - {say: 손님, not: [고객님, 고객], because: 가게에서 부르는 대로 씁니다.}
      - {say: 음반, not: [상품, 제품], because: 저희가 파는 것은 음반입니다.}
    banned:
      - {say_not: 국내 최고, because: 견주어 본 적이 없습니다., rather: 두 사람이 꾸리는}
    emoji: {email: 0, sms: 0, push: 0}
    exclamation: {email: 0, sms: 0, push: 0}
    sentence: {longest: 25, average: 14}
    length: {email: 1200, sms: 120, push: 90}
""",
    "en": """\
    glossary:
      - {say: record, not: [product, item], because: We sell records.}
      - {say: the counter, not: [customer service], because: There is a counter and the two of us behind it.}
    banned:
      - {say_not: finest records in town, because: We have not heard the others., rather: records we listened to}
    emoji: {email: 0, sms: 0, push: 0}
    exclamation: {email: 0, sms: 0, push: 0}
    sentence: {longest: 30, average: 18}
    length: {email: 1200, sms: 300, push: 150}
    reading_ease: 60
""",
}
"""What the brand of the seeded set asks of its words; the rest is as shipped."""


@dataclass(frozen=True)
class Case:
    """One text of the seeded set and the rule that has to find something in it; none for good ones."""

    locale: str
    rule: str = ""
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def channel(self) -> Channel:
        return Channel(self.said.get("channel", "email"))

    def source(self) -> str:
        """The text as a file of the workspace."""
        frame = {**FRAME[self.locale], **self.said}
        body = frame["body"]
        if self.channel is Channel.SMS:
            return body + "\n"
        keys = ("subject", "preheader", "title") if self.channel is Channel.EMAIL else ("title", "link")
        front = "".join(f"{key}: {_quoted(frame[key])}\n" for key in keys if key in frame)
        alone = body.startswith("[") and body.endswith(")") and "\n" not in body
        button = frame["button"] if self.channel is Channel.EMAIL and not alone and "\n\n[" not in body else ""
        return f"---\n{front}---\n{body}\n" + (f"\n{button}\n" if button else "")

    def path(self, number: int) -> str:
        suffix = "md" if self.channel is Channel.EMAIL else "txt"
        return f"templates/case_{number}/{self.channel.value}.{self.locale}.{suffix}.j2"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def seeded() -> tuple[list[Case], list[Case]]:
    """The bad cases and the good ones."""
    told: dict[str, Any] = YAML(typ="safe").load((Path(__file__).parent / "seeded.yaml").read_text(encoding="utf-8"))
    bad = [
        Case(locale, rule, _said(text))
        for rule, locales in told["bad"].items()
        for locale, texts in locales.items()
        for text in texts
    ]
    return bad, [Case(locale, "", _said(text)) for locale, texts in told["good"].items() for text in texts]


def _said(text: str | dict[str, str]) -> dict[str, str]:
    return {"body": text} if isinstance(text, str) else text


def brand_sources(voice: str | None = None) -> dict[str, str]:
    """The shipped brand's files, with a voice of its own if one is given."""
    sources = dict(load_workspace(ROOT).sources)
    kept = {path: text for path, text in sources.items() if path.startswith("templates/brand/")}
    return kept if voice is None else {**kept, "templates/brand/voice.yaml": voice}


def voice() -> str:
    """The shipped voice with the words of the seeded set."""
    text = brand_sources()["templates/brand/voice.yaml"]
    kept = re.sub(r"^    (?:glossary|banned):\n(?:      .*\n)+", "", text, flags=re.MULTILINE)
    kept = re.sub(r"^    (?:emoji|exclamation|sentence|length|reading_ease): .*\n", "", kept, flags=re.MULTILINE)
    for locale, words in WORDS.items():
        kept = kept.replace(f"  {locale}:\n    ", f"  {locale}:\n{words}    ", 1)
    return kept


def review_cases(cases: Sequence[Case]) -> tuple[dict[int, list[Problem]], Review]:
    """What the review finds in each case, by its number."""
    workspace = load_workspace(ROOT)
    sources = brand_sources(voice())
    sends = []
    for number, case in enumerate(cases):
        sources[case.path(number)] = case.source()
        event, stage = case.said.get("event", EVENT), case.said.get("stage", "")
        purpose = Purpose(case.said.get("purpose", "service"))
        sends.append(Send(f"case_{number}", purpose, (case.channel,), event, stage))
    found = review(sources, sends=sends, plan=workspace.tracking_plan, default_locale="ko")
    by_case: dict[int, list[Problem]] = defaultdict(list)
    for problem in found.problems:
        name = problem.path.split("/")[1]
        by_case[int(name.removeprefix("case_")) if name.startswith("case_") else -1].append(problem)
    return by_case, found
