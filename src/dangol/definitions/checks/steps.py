"""Checks of single steps: what each verb names must exist, and be of use where it stands."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from dangol.definitions.checks.course import Course
from dangol.definitions.checks.flow import WrittenStep
from dangol.definitions.checks.names import check_event, check_unique, meant_event
from dangol.definitions.checks.values import check_field, check_value
from dangol.definitions.checks.waits import check_wait, check_wait_for
from dangol.definitions.document import Document, Path, did_you_mean
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, OnCapped, OnFailed, Purpose
from dangol.model.workspace import STANDARD_ATTRIBUTES, ValueType


def check_step(course: Course, step: WrittenStep) -> Iterator[Problem]:
    """What is wrong with one step, its branches aside."""
    check = _CHECKS.get(step.verb)
    if check is not None:
        yield from check(course, step.path)


# Deciding.


def _check_if(course: Course, path: Path) -> Iterator[Problem]:
    never, always = "`then` is never reached", "`else` is never reached"
    yield from course.setting.check_condition((*path, "if"), never=never, always=always, fatal=False)


# Doing.


def _check_send(course: Course, path: Path) -> Iterator[Problem]:
    document = course.document
    message, channels = document.text_at((*path, "send")), list(_channels(document, path))
    seen: dict[str, int] = {}
    for place, _ in channels:
        yield from check_unique(document, place, seen, "duplicate-channel", "channel")
    reroutes = document.get((*path, "on_capped")) == OnCapped.REROUTE
    if reroutes and (len(channels) == 1 or isinstance(document.get((*path, "channels")), dict)):
        text = "`reroute` has no other channel to go to"
        hint = "list a second channel, or use `drop` or `defer`"
        yield document.problem("nowhere-to-reroute", (*path, "on_capped"), text, hint=hint, severity="warning")
    falls_back = document.get((*path, "on_failed")) == OnFailed.NEXT_CHANNEL
    if falls_back and (len(channels) == 1 or isinstance(document.get((*path, "channels")), dict)):
        text = "`next_channel` has no other channel to go to"
        hint = "list a second channel, or leave `on_failed` out"
        yield document.problem("nowhere-to-go-on", (*path, "on_failed"), text, hint=hint)
    yield from _check_digest(course, path, channels)
    if message is not None:
        yield from _check_texts(course, (*path, "send"), message, channels)
        yield from _check_no_digest(course, (*path, "send"), message)


def _check_digest(course: Course, path: Path, channels: list[tuple[Path, str]]) -> Iterator[Problem]:
    """The digest that a message waits for is there, and the message can go out in it."""
    document, known, place = course.document, course.names.digests, (*path, "digest")
    digest = document.text_at(place)
    if digest is None:
        return
    if known is not None and digest not in known:
        message = f"found the digest `{digest}`, which is not in policies.yaml"
        hint = did_you_mean(digest, frozenset(known)) or f"add `{digest}` to `digests` in policies.yaml"
        yield document.problem("unknown-digest", place, message, hint=hint)
    elif channels and Channel.EMAIL not in {channel for _, channel in channels}:
        message = "a digest is an email, and this message goes out on other channels only"
        yield document.problem("not-by-email", place, message, hint="add `email` to `channels`, or leave `digest` out")
    elif document.get(("purpose",)) == Purpose.TRANSACTIONAL:
        message = "what somebody waits for does not wait for a digest; this campaign is transactional"
        yield document.problem("cannot-wait", place, message, hint="leave `digest` out")


def _check_no_digest(course: Course, path: Path, message: str) -> Iterator[Problem]:
    """The text of a digest says what the digest holds, so it is no message by itself."""
    mine = [digest for digest, template in (course.names.digests or {}).items() if template == message]
    if mine:
        text = f"`{message}` is the text of the digest `{mine[0]}`; it cannot be sent by itself"
        hint = f"send another message, and add `digest: {mine[0]}` to wait for the digest"
        yield course.document.problem("sends-digest", path, text, hint=hint)


def _check_texts(course: Course, path: Path, message: str, channels: list[tuple[Path, str]]) -> Iterator[Problem]:
    templates, locale = course.names.templates, course.names.locale
    if message not in templates:
        text = f"found the message `{message}`, but there is no folder templates/{message}/"
        hint = did_you_mean(message, frozenset(templates))
        yield course.document.problem("unknown-template", path, text, hint=hint)
        return
    for place, channel in channels:
        if channel not in templates[message]:
            text = f"the message `{message}` has no text for {channel} in the default locale `{locale}`"
            hint = f"add templates/{message}/{channel}.{locale}.{'md' if channel == 'email' else 'txt'}.j2"
            yield course.document.problem("missing-template", place, text, hint=hint)


def _channels(document: Document, path: Path) -> Iterator[tuple[Path, str]]:
    """The known channels of a `send` step with their places."""
    listed = (*path, "channels")
    if isinstance(document.get(listed), dict):
        listed = (*listed, "all")
    for place, value in document.items(listed):
        if isinstance(value, str) and value in set(Channel):
            yield place, value


def _check_set(course: Course, path: Path) -> Iterator[Problem]:
    changes = course.document.get((*path, "set"))
    if course.names.plan is None or not isinstance(changes, dict):
        return
    known = course.names.plan.attributes
    for name, change in changes.items():
        place = (*path, "set", name)
        if name in STANDARD_ATTRIBUTES:
            message = f"`{name}` is the customer's own and comes from your systems; a campaign cannot set it"
            yield course.document.problem("not-settable", place, message, key=True)
        elif name not in known:
            message = f"found the attribute `{name}`, which is not in tracking-plan.yaml"
            hint = did_you_mean(name, known)
            yield course.document.problem("unknown-attribute", place, message, hint=hint, key=True)
        elif isinstance(change, dict) and ("add" in change or "remove" in change):
            yield from _check_list_change(course, place, known[name])
        else:
            yield from check_value(course.setting, place, known[name], f"the attribute `{name}`")


def _check_list_change(course: Course, path: Path, declared: ValueType) -> Iterator[Problem]:
    if declared is not ValueType.LIST:
        verb = "add" if "add" in course.document.get(path) else "remove"
        message = f"`{verb}` is for lists; the attribute `{path[-1]}` is of the type `{declared}`"
        yield course.document.problem("wrong-type", (*path, verb), message, hint="write the value itself", key=True)


def _check_emit(course: Course, path: Path) -> Iterator[Problem]:
    document, event = course.document, course.document.text_at((*path, "emit"))
    yield from check_event(document, (*path, "emit"), course.names)
    known = meant_event(event, course.names.plan)
    if course.names.plan is not None and known is not None:
        declared = course.names.plan.events[known]
        given = document.get((*path, "properties"))
        for name in given if isinstance(given, dict) else ():
            place = (*path, "properties", name)
            if name in declared:
                yield from check_value(course.setting, place, declared[name], f"`{name}` of `{known}`")
            else:
                message = f"the event `{known}` has no property `{name}` in tracking-plan.yaml"
                yield document.problem("unknown-property", place, message, hint=did_you_mean(name, declared), key=True)
    if event is not None and (event in course.exits or event == course.goal):
        what = "an exit" if event in course.exits and event != course.goal else "the goal"
        message = f"`{event}` is {what} of this campaign, so the journey ends by its own step"
        hint = "use `exit` to end it, or another event"
        yield document.problem("ends-itself", (*path, "emit"), message, hint=hint, severity="warning")


def _check_webhook(course: Course, path: Path) -> Iterator[Problem]:
    document = course.document
    yield from _check_address(document, (*path, "webhook"))
    payload = document.get((*path, "payload"))
    for name, value in payload.items() if isinstance(payload, dict) else ():
        field = value.get("from") if isinstance(value, dict) else None
        if isinstance(field, str) and field.partition(".")[0] in {"profile", "entry"}:
            yield from check_field(course.setting, (*path, "payload", name, "from"), field, frozenset(ValueType))
        for place in [(*path, "payload", name), *(at for at, _ in document.items((*path, "payload", name)))]:
            if _NO_NUMBER.fullmatch(document.text_at(place) or ""):
                message = f"found `{document.text_at(place)}`, which JSON cannot tell as a number"
                yield document.problem("wrong-type", place, message, hint="write a number such as `1.5`, or a word")


_NO_NUMBER = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)


def _check_address(document: Document, path: Path) -> Iterator[Problem]:
    with suppress(ValueError):
        address = urlsplit(document.text_at(path) or "")
        host = address.hostname or ""
        if _is_private(host):
            message = f"`{host}` is no public address; the call is refused unless `DANGOL_WEBHOOK_ALLOW` lists it"
            yield document.problem("private-address", path, message, severity="warning")
        elif address.scheme == "http":
            message = "found `http://`, where others can read and change what is told; expected `https://`"
            yield document.problem("insecure-address", path, message)


def _is_private(host: str) -> bool:
    """An address from which no packet of the internet comes, or a name that only a local network knows."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return last in {"localhost", "local", "internal", "lan", "home", "arpa"} or (host != "" and "." not in host)


_CHECKS: dict[str, Callable[[Course, Path], Iterator[Problem]]] = {
    "wait": check_wait,
    "wait_for": check_wait_for,
    "if": _check_if,
    "send": _check_send,
    "set": _check_set,
    "emit": _check_emit,
    "webhook": _check_webhook,
}
