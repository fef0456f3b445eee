"""Checks of consent-forms.yaml: does what a form names exist?"""

from __future__ import annotations

from collections.abc import Iterator

from dangol.definitions.checks.names import Names
from dangol.definitions.document import Document, did_you_mean
from dangol.model.problem import Problem


def check_forms(document: Document, names: Names) -> Iterator[Problem]:
    for path, _ in document.items(("forms",)):
        for at, topic in document.items((*path, "topics")):
            if names.topics is not None and isinstance(topic, str) and topic not in names.topics:
                message = f"found the topic `{topic}`, which is not in policies.yaml"
                hint = did_you_mean(topic, names.topics) or f"add `{topic}` to `topics` in policies.yaml"
                yield document.problem("unknown-topic", at, message, hint=hint)
