"""Links: where they lead and what they are called."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from dangol.editor.lexicon import quoted
from dangol.editor.model import DATA, Hit, Link, Reading
from dangol.editor.registry import Scope, Severity, rule

SHORTENERS = frozenset(
    """abit.ly adf.ly bit.ly bitly.kr bl.ink buff.ly buly.kr c11.kr cutt.ly dlvr.it fb.me gg.gg goo.gl han.gl is.gd
    j.mp kko.to lnkd.in lrl.kr me2.do muz.so naver.me ow.ly rb.gy rebrand.ly s.id shorturl.at shorturl.kr soo.gd t.co
    t.ly tiny.cc tinyurl.com trib.al url.kr v.gd vo.la vvd.bz zrr.kr""".split()
)
_VAGUE = {
    "en": re.compile(
        r"^(?:please )?(?:click|tap|press)?(?: on)?(?: this| the)? ?(?:here|this|link|button|(?:read |learn |see |find out )?more|"
        r"go|click|continue|(?:see |view |more )?details|info|see|view|visit|open|more info(?:rmation)?)[.!»›>→ ]*$",
        re.IGNORECASE,
    ),
    "ko": re.compile(
        r"^(?:여기|이곳|이 ?링크|링크|클릭|바로 ?가기|더 ?보기|더 ?알아보기|자세히|자세히 ?보기|보기|확인|확인하기|이동|이동하기|여기서|(?:링크|페이지|사이트) ?(?:열기|보기|가기)|구경하기|"
        r"(?:여기|이곳|링크|버튼)(?:를|을)? ?(?:클릭|눌러)[가-힣 ]*)[.!»›>→ ]*$"
    ),
}
_SAID = {
    "en": re.compile(
        r"\b(?:click|tap|press) (?:on )?(?:here|this link|the link(?: below| above)?|the button)\b", re.IGNORECASE
    ),
    "ko": re.compile(r"(?:여기|이곳|링크|버튼)(?:를|을) ?(?:클릭|눌러|터치)|클릭(?:하세요|해 ?주세요|하시면|하셔서)"),
}
_SCHEMES = frozenset({"https", "mailto", "tel", "sms"})
_ADDRESS = re.compile(r"^(?:https?://)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:[/?#].*)?$", re.IGNORECASE)


def _hit(link: Link, message: str, hint: str) -> Hit:
    return Hit(link.start, link.start + max(len(link.label), 1), message, hint, "body", needle=_written(link))


def _written(link: Link) -> str:
    """The longest stretch of the target that an author wrote."""
    return max(link.written.split(DATA), key=len)


def _host(target: str) -> str:
    with suppress(ValueError):
        return (urlsplit(target).hostname or "").lower()
    return ""


def _all(reading: Reading) -> Iterable[Link]:
    yield from reading.links
    if reading.rendered is not None and reading.rendered.link and not reading.rendered.link.startswith(DATA):
        target = reading.rendered.link
        yield Link("", target, 0, button=False, written=target)


@rule(
    "vague-link",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="Links called `click here`, `more`, `여기`, `자세히 보기`",
    why="A link is read without what stands around it: by screen readers, and by everyone who skims.",
    bad="[여기](https://dangol.example/orders)를 눌러 주세요.",
    better="[주문 내용 보기](https://dangol.example/orders)",
)
def vague_link(reading: Reading) -> Iterable[Hit]:
    language = reading.scene.language
    if language not in _VAGUE:
        return
    vague = [link for link in reading.links if _VAGUE[language].match(link.label.strip())]
    for link in vague:
        yield _hit(link, f"the link is called {quoted(link.label)}", "say what the reader finds behind it")
    if vague:
        return
    for sentence in reading.of("body"):
        for match in _SAID[language].finditer(sentence.mask):
            start = sentence.start + match.start()
            message = f"{quoted(match[0])} says how to use a link, not what it is for"
            yield Hit(start, start + len(match[0]), message, "name what the reader finds behind the link")


@rule(
    "unsafe-link",
    Scope.MESSAGE,
    Severity.ERROR,
    looks_for="Links with http://, to a bare IP address, with punycode or a user name in them, or with other schemes",
    why="They can be read or changed on the way, or are what phishing looks like.",
    bad="[See your order](http://dangol.example/orders)",
    better="[See your order](https://dangol.example/orders)",
)
def unsafe_link(reading: Reading) -> Iterable[Hit]:
    for link in _all(reading):
        if link.written.startswith(DATA) or not link.target:
            continue
        if found := _danger(link.target, reading.scene.wishes.app_schemes):
            yield _hit(link, f"{quoted(link.target)} {found[0]}", found[1])


def _danger(target: str, app_schemes: tuple[str, ...]) -> tuple[str, str] | None:
    scheme = target.partition(":")[0].lower()
    if scheme == "http":
        return "is not encrypted", "write https://"
    if scheme not in {*_SCHEMES, *app_schemes} and ":" in target:
        return f"has the scheme `{scheme}`", "use https, mailto, tel, or a scheme of `brand.app_schemes`"
    if scheme != "https":
        return None
    host = _host(target)
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return "leads to a bare IP address", "use the shop's domain"
    if any(label.startswith("xn--") for label in host.split(".")) or not host.isascii():
        return "has a domain in punycode, which can imitate another", "use a domain in plain letters"
    if "@" in target.partition("//")[2].partition("/")[0]:
        return "has a user name before the domain, as phishing does", "leave out what stands before `@`"
    return None


@rule(
    "shortened-link",
    Scope.MESSAGE,
    Severity.ERROR,
    looks_for="Links of services that shorten them: bit.ly, tinyurl.com, me2.do",
    why="Readers cannot see where they lead, carriers block them, and the service may vanish.",
    bad="https://bit.ly/3xYz",
    better="https://dangol.example/new",
)
def shortened_link(reading: Reading) -> Iterable[Hit]:
    for link in _all(reading):
        host = _host(link.target if "://" in link.target else f"https://{link.target}").removeprefix("www.")
        if host in SHORTENERS and not link.written.startswith(DATA):
            yield _hit(link, f"{quoted(link.target)} hides where it leads", "use a short path on the shop's own domain")


@rule(
    "misleading-link",
    Scope.MESSAGE,
    Severity.ERROR,
    looks_for="A link whose text is another address than the one it leads to",
    why="It is how phishing works, and mail programs warn of it.",
    bad="[dangol.example](https://tracker.example/x)",
    better="[dangol.example](https://dangol.example/)",
)
def misleading_link(reading: Reading) -> Iterable[Hit]:
    for link in reading.links:
        shown = _ADDRESS.match(link.label.strip())
        host = _host(link.target).removeprefix("www.")
        if shown and host and not host.endswith(shown[1].lower().removeprefix("www.")) and DATA not in link.written:
            message = f"the link says {quoted(link.label)} and leads to {quoted(host)}"
            yield _hit(link, message, "let the text say what the reader finds, or show the true address")
