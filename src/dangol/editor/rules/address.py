"""How readers are addressed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.editor.lexicon import quoted
from dangol.editor.model import DATA, Hit, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule

_NAMELESS = {
    "en": re.compile(
        r"\b(?:dear|hello|hi|hey|greetings,?)(?: there)?,? (?:our )?(?:valued |loyal |esteemed |fellow )?"
        r"(?:customer|client|sir|madam|user|member|subscriber|shopper|friend|guest|buyer|all|everyone)s?\b"
        r"|\bvalued (?:customer|client|member)s?\b|\bto whom it may concern\b|\bdear (?:sirs?|madam|sir or madam)\b",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"(?<![가-힣])(?:고객|회원|사용자|구매자|이용자|구독자|가입자)(?:님|분)(?:들)?|귀하|(?:고객|회원) ?여러분|귀 ?고객"
    ),
}


@rule(
    "dear-customer",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="`Dear customer`, `고객님`, where the salutation can say the name",
    why="Somebody who is known by name and called customer feels like a number.",
    bad="Dear valued customer,",
    better="Hello {{ profile.given_name }},",
)
def dear_customer(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    pattern = _NAMELESS.get(scene.language)
    nameless = sentence.part == "greeting" and DATA not in sentence.mask
    if pattern is None or nameless or not scene.wishes.knows_name:
        return
    for match in pattern.finditer(sentence.mask):
        hint = f"the brand says `{scene.wishes.salutation.strip()}`; leave the salutation to it"
        yield Hit(match.start(), match.end(), f"{quoted(match[0])} is nobody's name", hint)
