"""Reads packs from their files and holds them against one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dangol.definitions.document import Document, did_you_mean
from dangol.definitions.shape import validate
from dangol.definitions.yaml import read_yaml
from dangol.errors import ProblemsFound
from dangol.model.jurisdiction import DEFAULT, RECIPIENT, Pack, PackFile, QuietRule, packs_of
from dangol.model.problem import Problem


@cache
def packs() -> Mapping[str, Pack]:
    """Code → pack, for all that come with dangol, states included; read once."""
    folder = files("dangol.jurisdictions") / "data"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".yaml"))
    return parse_packs({name: (folder / name).read_text(encoding="utf-8") for name in names})


def serving(locale: str) -> Pack:
    """The pack in whose words texts in ``locale`` are labelled and signed."""
    language = locale.partition("-")[0]
    known = packs()
    return next((pack for pack in known.values() if language in pack.languages), known[DEFAULT])


def parse_packs(sources: Mapping[str, str]) -> dict[str, Pack]:
    """The packs in these texts, by code; names of files are named in problems. Raises ProblemsFound."""
    read: list[tuple[Document, PackFile]] = []
    problems: list[Problem] = []
    for path, text in sources.items():
        document, found = read_yaml(path, text.replace("\r\n", "\n"))
        file = None
        if document is not None and not found:
            file, found = validate(document, PackFile)
        problems += found
        if document is not None and file is not None:
            read.append((document, file))
    known = {pack.code: pack for _, file in read for pack in packs_of(file)}
    if not problems:
        problems = [*_doubles(read), *(problem for document, file in read for problem in _names(document, file, known))]
    if problems:
        raise ProblemsFound(problems)
    return known


def _doubles(read: list[tuple[Document, PackFile]]) -> Iterator[Problem]:
    """Codes, ids and languages belong to one pack each."""
    seen: dict[tuple[str, str], str] = {}
    for document, file in read:
        places = [(("code",), file.code, "code")]
        places += [(("parts", index, "code"), part.code, "code") for index, part in enumerate(file.parts)]  # type: ignore[misc]
        places += [(("languages", index), language, "language") for index, language in enumerate(file.languages)]  # type: ignore[misc]
        places += [(("rules", index, "id"), rule.id, "rule") for index, rule in enumerate(file.rules)]  # type: ignore[misc]
        places += [
            (("parts", outer, "rules", index, "id"), rule.id, "rule")  # type: ignore[misc]
            for outer, part in enumerate(file.parts)
            for index, rule in enumerate(part.rules)
        ]
        for path, name, what in places:
            if (what, name) in seen:
                message = f"found the {what} `{name}` twice; {seen[what, name]} has it already"
                yield document.problem("duplicate-in-packs", path, message)
            seen[what, name] = document.path


def _names(document: Document, file: PackFile, known: Mapping[str, Pack]) -> Iterator[Problem]:
    for index, code in enumerate(file.includes):
        if code not in known:
            hint = did_you_mean(code, list(known))
            yield document.problem("unknown-pack", ("includes", index), f"found the unknown pack `{code}`", hint=hint)
    zones = [(("zone",), file.zone)]
    rules = [(("rules", index), rule) for index, rule in enumerate(file.rules)]
    for outer, part in enumerate(file.parts):
        if not part.code.startswith(f"{file.code}-"):
            message = f"expected a part of `{file.code}`, such as `{file.code}-XX`; found `{part.code}`"
            yield document.problem("bad-code", ("parts", outer, "code"), message)
        elif part.code.partition("-")[2] not in file.states:
            message = (
                f"found the part `{part.code}`, which is none of the country's `states`; nobody would be bound by it"
            )
            yield document.problem("unknown-state", ("parts", outer, "code"), message)
        rules += [(("parts", outer, "rules", index), rule) for index, rule in enumerate(part.rules)]  # type: ignore[misc]
    for path, rule in rules:
        if isinstance(rule, QuietRule) and rule.clock != RECIPIENT:
            zones.append(((*path, "clock"), rule.clock))  # type: ignore[arg-type]
    for place, zone in zones:
        if not _is_zone(zone):
            yield document.problem("unknown-zone", place, f"found the unknown time zone `{zone}`")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
