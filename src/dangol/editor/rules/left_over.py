"""What was to be replaced before anybody reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule

_LEFT_OVER = re.compile(
    r"""lorem\ ipsum|dolor\ sit\ amet|\b(?:TODO|TBD|TBC|FIXME|TK)\b|(?i:\bx{3,}\b)|\bX{2,}(?=[월일년원시명개%])|\bXX\b
    |\[(?:[^\]\[]*\b)?(?i:name|first\ ?name|your|company|date|link|url|order|number|insert|product|amount|code|city|address|shop|store|time|title|price|phone|email)\b[^\]\[]*\]
    |\[[^\]\[]*(?:이름|성함|고객|회원|회사|날짜|링크|주문|번호|상품|금액|입력|내용|제목)[^\]\[]*\]
    |(?<![{$])\{\s*[A-Za-z가-힣_][\w가-힣 .]*\}(?!\})|%(?:\(\w+\))?[sd](?![A-Za-z0-9])|\$\{\w[^}]*\}|<<\s*[\w가-힣 ]+\s*>>|%%[\w가-힣]+%%|\*\|\w+\|\*
    |\#\{[\w가-힣 ]+\}|홍길동|김철수|(?i:\b(?:john|jane)\ (?:doe|smith)\b)|\b0{2,4}(?:년|월|일)|(?<![\d-])0{2},0{3}|\b(?:FIRST|LAST)_?NAME\b|<(?:name|first\s?name|이름|성함|date|주소)>|[○〇◯●]{2,}|[○〇◯]{1,}님|(?<![A-Za-z])(?:OO+|oo+)(?=[가-힣])|[△□]{2,}
    |(?i:\b(?:asdf|foobar|qwerty|sample\ text|your\ text\ here|placeholder|insert\ [\w ]{1,30}\ here|dummy\ text)\b)
    |(?:여기에|이곳에)\ [^.]{0,20}(?:입력|넣어|작성|기입)|(?:내용|제목|문구|이름|날짜|링크)[을를]?\ ?(?:입력|삽입|넣을\ 것|추가\ 예정)|추후\ ?(?:수정|입력|기재)|(?:작성|수정|검토|문구)\ ?(?:예정|필요|중\)|요망)|테스트\ ?(?:문구|메시지|발송|입니다)
    """,
    re.VERBOSE,
)


@rule(
    "placeholder",
    Scope.SENTENCE,
    Severity.ERROR,
    looks_for="What stands in for a text to come: lorem ipsum, TODO, xxx, [name], {name}, %s, 홍길동, ○○○",
    why="Somebody will receive it as it is.",
    bad="[이름]님, 안녕하세요.",
    better="{{ profile.name }}님, 안녕하세요.",
)
def placeholder(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    for match in _LEFT_OVER.finditer(sentence.mask):
        message = f"{quoted(match[0])} stands for something that is not there yet"
        yield Hit(match.start(), match.end(), message, "write it, or put the value in with `{{ … }}`")
