"""Grammar that depends on data: Korean particles after a variable, English plurals."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.content.sources import TextFile
from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit
from dangol.editor.registry import Scope, Severity, rule

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_AFTER = re.compile(
    r"\{\{(?P<inner>[^{}]*?)[-+]?\}\}(?P<marks>[*_\"'”’)\]]*(?: (?=[은는을를와과](?:\s|$)))?)"
    r"(?P<particle>\(이\)가|\(가\)이|\(은\)는|\(는\)은|\(을\)를|\(를\)을|\(와\)과|\(과\)와|은\(는\)|는\(은\)|이\(가\)|가\(이\)|을\(를\)|를\(을\)|와\(과\)|과\(와\)|\(으\)로|\(이\)[나라며랑]?|"
    r"은/는|이/가|을/를|와/과|"
    r"이라고|라고|이라는|라는|이라면|라면|이라서|라서|이라도|라도|이에요|예요|이랑|랑|이나|나|이며|며|이고|이지만|이란|란|"
    r"으로부터|로부터|으로서|로서|으로써|로써|으로|로|은|는|이|가|을|를|과|와|아|야)"
    r"(?P<more>[은는도만의])?(?![가-힣])",
    re.DOTALL,
)
_DATE = re.compile(r"\|\s*date\b|^\s*date\(")
_MONEY = re.compile(r"\|\s*amount\b|^\s*amount\(")
_JOSA = re.compile(r"\|\s*josa\b")
_WITH_FINAL = frozenset(
    "은 이 을 과 아 으로 이라고 이라는 이라면 이라서 이라도 이에요 이랑 이나 이며 이고 이지만 이란".split()
)
_WITH_FINAL_L = frozenset("로 로부터 로서 로써".split())


@rule(
    "particle",
    Scope.SOURCE,
    Severity.WARNING,
    looks_for="A particle that changes with the word before it, right after `{{ … }}` and not put there by `josa`",
    why="`{{ name }}을` reads wrong for every other name, and `을(를)` reads like a form.",
    bad="{{ event.name }}을(를) 보냈습니다.",
    better='{{ event.name | josa("을") }} 보냈습니다.',
)
def particle(file: TextFile, language: str) -> Iterable[Hit]:
    if language != "ko":
        return
    text = _COMMENT.sub(lambda comment: " " * len(comment[0]), file.text)
    for match in _AFTER.finditer(text):
        inner, said = match["inner"], match["particle"]
        if _JOSA.search(inner) or _fits(inner, said) or inner.strip().startswith(("voice.", "brand.")):
            continue
        shown = f"{{{{ {inner.strip()} }}}}{match['marks']}{said}"
        message = f"{quoted(shown)}: the particle depends on what stands before it"
        start = match.start("particle")
        plain = re.sub(r"[()].*$|/.*$", "", said) or "으로"
        hint = f'write `{{{{ {inner.strip()} | josa("{plain}") }}}}`'
        yield Hit(start, start + len(said), message, hint)


def _fits(inner: str, said: str) -> bool:
    """Whether the particle is right for every value of a known shape: dates end in 일, won in 원."""
    if _DATE.search(inner):
        return said in _WITH_FINAL - {"으로"} or said in _WITH_FINAL_L
    if _MONEY.search(inner) and "KRW" in inner:
        return said in _WITH_FINAL
    return False


_BY_HAND = re.compile(r"(?<=[A-Za-z])\((?:s|es)\)|(?<=[A-Za-z])/s\b")


@rule(
    "plural-by-hand",
    Scope.SOURCE,
    Severity.WARNING,
    looks_for="`record(s)` in English",
    why="It reads like a form, and `plural` says it right.",
    bad="{{ event.quantity }} record(s)",
    better='{{ event.quantity }} {{ event.quantity | plural("record", "records") }}',
)
def plural_by_hand(file: TextFile, language: str) -> Iterable[Hit]:
    if language != "en":
        return
    for match in _BY_HAND.finditer(file.text):
        start = max(file.text.rfind(" ", 0, match.start()), file.text.rfind("\n", 0, match.start())) + 1
        word = file.text[start : match.end()]
        one = re.sub(r"[^\w]", "", word[: match.start() - start])
        hint = f'write `{{{{ … | plural("{one}", "{one}s") }}}}`'
        yield Hit(match.start(), match.end(), f"{quoted(word)} leaves the plural to the reader", hint)
