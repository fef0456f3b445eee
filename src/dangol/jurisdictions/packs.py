"""Reads packs from their files and holds them against one another: dangol's, and a workspace's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dangol.definitions.document import Document, Path, did_you_mean
from dangol.definitions.shape import validate
from dangol.definitions.sources import PACKS, Sources
from dangol.definitions.yaml import read_yaml
from dangol.errors import ProblemsFound
from dangol.model.jurisdiction import DEFAULT, RECIPIENT, Pack, PackFile, QuietRule, packs_of
from dangol.model.problem import Problem


class _Read(NamedTuple):
    document: Document
    file: PackFile


@cache
def packs() -> Mapping[str, Pack]:
    """Code → pack, for all that come with dangol, states included; read once."""
    return _by_code(_shipped())


def packs_with(sources: Sources) -> Mapping[str, Pack]:
    """The packs that bind a workspace with these files: those that come with dangol and its own.

    Nothing is checked across files: that was done when they were deployed. Where dangol has learnt of a place since,
    the rules of both packs bind. Raises ProblemsFound if a pack cannot be read.
    """
    known, problems = _together(_own(sources))
    if problems:
        raise ProblemsFound(list(problems))
    return known


def readable_packs(sources: Sources) -> Mapping[str, Pack]:
    """As ``packs_with``, without packs of the workspace that cannot be read; ``check_packs`` tells of them."""
    return _together(_own(sources))[0]


def check_packs(sources: Sources) -> list[Problem]:
    """What is wrong with the workspace's own packs, in themselves and beside those that come with dangol."""
    return list(_checked(_own(sources)))


def serving(packs: Mapping[str, Pack], locale: str) -> Pack:
    """The one of these packs in whose words texts in ``locale`` are labelled and signed."""
    language = locale.partition("-")[0]
    return next((pack for pack in packs.values() if language in pack.languages), packs[DEFAULT])


def parse_packs(sources: Mapping[str, str]) -> dict[str, Pack]:
    """The packs in these texts, by code; names of files are named in problems. Raises ProblemsFound."""
    read, problems = _read(sources)
    if not problems:
        known = _by_code(read)
        problems = [*_doubles(read), *(problem for one in read for problem in _names(one, known))]
    if problems:
        raise ProblemsFound(problems)
    return _by_code(read)


_Texts = tuple[tuple[str, str], ...]


def _own(sources: Sources) -> _Texts:
    return tuple(sorted((path, text) for path, text in sources.items() if path.startswith(PACKS)))


@cache
def _shipped() -> Sequence[_Read]:
    folder = files("dangol.jurisdictions") / "data"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".yaml"))
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    parse_packs(texts)
    return _read(texts)[0]


@lru_cache(maxsize=64)
def _together(own: _Texts) -> tuple[Mapping[str, Pack], Sequence[Problem]]:
    if not own:
        return packs(), ()
    read, problems = _read(dict(own))
    known = dict(packs())
    for code, pack in _by_code(read).items():
        shipped = known.get(code)
        known[code] = _both(pack, shipped) if shipped is not None else pack
    return known, problems


def _both(own: Pack, shipped: Pack) -> Pack:
    """A pack of dangol's with the rules of a workspace's beside its own: in doubt, all of them bind."""
    rules = {rule.id: rule for rule in (*shipped.rules, *own.rules)}
    return replace(
        shipped, rules=tuple(rules.values()), includes=tuple(dict.fromkeys((*shipped.includes, *own.includes)))
    )


@lru_cache(maxsize=64)
def _checked(own: _Texts) -> Sequence[Problem]:
    read, problems = _read(dict(own))
    if not own or problems:
        return problems
    known = _by_code([*_shipped(), *read])
    problems = [*_replacing(read), *_doubles([*_shipped(), *read])]
    problems += [problem for one in read for problem in _names(one, known)]
    problems += [problem for one in read for problem in _beside_shipped(one)]
    told = {(one.path, one.line, one.column): one for one in reversed(problems)}  # the first to speak of a place
    return sorted(told.values())


def _read(sources: Mapping[str, str]) -> tuple[list[_Read], list[Problem]]:
    """What can be read of these texts, and what is wrong with the shape of the others."""
    read: list[_Read] = []
    problems: list[Problem] = []
    for path, text in sources.items():
        document, found = read_yaml(path, text.replace("\r\n", "\n"))
        file = None
        if document is not None and not found:
            file, found = validate(document, PackFile)
        problems += found
        if document is not None and file is not None:
            read.append(_Read(document, file))
    return read, problems


def _by_code(read: Sequence[_Read]) -> dict[str, Pack]:
    return {pack.code: pack for one in read for pack in packs_of(one.file)}


def _replacing(read: Sequence[_Read]) -> Iterator[Problem]:
    """A workspace changes a pack of dangol's in its policies, where loosening needs a reason and a name."""
    for document, file in read:
        if file.code in packs():
            message = f"found the code `{file.code}`, for which a pack comes with dangol; no file may replace that"
            hint = "change its rules in campaigns/policies.yaml, under `jurisdictions.rules`"
            yield document.problem("replaces-a-pack", ("code",), message, hint=hint)


def _beside_shipped(read: _Read) -> Iterator[Problem]:
    """Nobody whom a pack of dangol's binds is let out of it by a pack of the workspace's."""
    document, file = read
    serving = {member: pack.code for pack in packs().values() for member in pack.members}
    name = PurePosixPath(document.path).stem
    if name.casefold() != file.code.casefold() and "-" not in file.code:
        message = f"found the pack `{file.code}` in `{name}.yaml`; a pack's file is named after its code"
        yield document.problem("file-name", ("code",), message, hint=f"rename the file to {file.code}.yaml")
    if "-" in file.code:
        message = f"found the code `{file.code}` of a part; expected a country's or a union's, such as `FR`"
        hint = f"write a pack `{file.code.partition('-')[0]}` with `states` and `parts`"
        yield document.problem("bad-code", ("code",), message, hint=hint)
    elif (union := serving.get(file.code)) and union not in file.includes:
        message = f"people in `{file.code}` are bound by the pack `{union}`; found no `includes` that keeps it"
        yield document.problem("lets-out", ("code",), message, hint=f"add `includes: [{union}]`")
    for index, member in enumerate(file.members):
        if other := (serving.get(member) or (member if member in packs() else "")):
            message = f"found the member `{member}`, whom the pack `{other}` binds"
            hint = f"write a pack `{member}` with `includes: [{other}, …]`" if other != member else "remove it"
            yield document.problem("lets-out", ("members", index), message, hint=hint)


def _doubles(read: Sequence[_Read]) -> Iterator[Problem]:
    """Codes, ids and languages belong to one pack each."""
    seen: dict[tuple[str, str], str] = {}
    for document, file in read:
        for path, name, what in _belongings(file):
            if (what, name) in seen:
                message = f"found the {what} `{name}` twice; {seen[what, name]} has it already"
                yield document.problem("duplicate-in-packs", path, message)
            seen[what, name] = document.path


def _belongings(file: PackFile) -> Iterator[tuple[Path, str, str]]:
    """What belongs to one pack alone: where it is written, its name, and what it is."""
    yield ("code",), file.code, "code"
    yield from ((("languages", index), language, "language") for index, language in enumerate(file.languages))
    yield from ((("rules", index, "id"), rule.id, "rule") for index, rule in enumerate(file.rules))
    for outer, part in enumerate(file.parts):
        yield ("parts", outer, "code"), part.code, "code"
        for index, rule in enumerate(part.rules):
            yield ("parts", outer, "rules", index, "id"), rule.id, "rule"


def _names(read: _Read, known: Mapping[str, Pack]) -> Iterator[Problem]:
    document, file = read
    for index, code in enumerate(file.includes):
        if code not in known:
            hint = did_you_mean(code, list(known))
            yield document.problem("unknown-pack", ("includes", index), f"found the unknown pack `{code}`", hint=hint)
    zones: list[tuple[Path, str]] = [(("zone",), file.zone)]
    rules: list[tuple[Path, object]] = [(("rules", index), rule) for index, rule in enumerate(file.rules)]
    for outer, part in enumerate(file.parts):
        if not part.code.startswith(f"{file.code}-"):
            message = f"expected a part of `{file.code}`, such as `{file.code}-XX`; found `{part.code}`"
            yield document.problem("bad-code", ("parts", outer, "code"), message)
        elif part.code.partition("-")[2] not in file.states:
            message = (
                f"found the part `{part.code}`, which is none of the country's `states`; nobody would be bound by it"
            )
            yield document.problem("unknown-state", ("parts", outer, "code"), message)
        rules += [(("parts", outer, "rules", index), rule) for index, rule in enumerate(part.rules)]
    zones += [
        ((*path, "clock"), rule.clock)
        for path, rule in rules
        if isinstance(rule, QuietRule) and rule.clock != RECIPIENT
    ]
    for place, zone in zones:
        if not _is_zone(zone):
            yield document.problem("unknown-zone", place, f"found the unknown time zone `{zone}`")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
