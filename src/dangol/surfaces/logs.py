"""What a process prints about itself: one way for our own lines and for those of libraries, without personal data.

No line is meant to hold any: stations name ids, counts and kinds of errors. ``masked`` is the last net, for what a
library or an exception quotes: it takes out whatever looks like an address, a telephone number or somebody's link.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from dangol.settings import Settings

REMOVED = "[removed]"
_NEVER = frozenset(
    "address addresses authorization body device_token email given_name html key password payload phone recipient "
    "secret subject text to token write_key".split()
)
"""Fields that are left out whatever they hold."""
_OURS = frozenset({"timestamp", "level", "logger", "process", "pid"})
_EMAIL = r"(?<!://)(?<![\w.+%-])[\w.+%'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}"
"""Not the ``user@host`` of a URL, which operators need to see."""
_PHONE = (
    r"(?<![\w.:+-])(?:"
    r"\+\d(?:[ ().-]{0,2}\d){6,14}"  # +82 10-1234-5678
    r"|0\d{1,2}[-. ]?\d{3,4}[-. ]?\d{4}"  # 010-1234-5678, 02 123 4567
    r"|\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}"  # (415) 555-0100
    r"|\d{10,15}"
    r")(?![\w-])"
)
_LINK = r"(?<=/[upc]/)[\w.~%-]{8,}"
"""The token of a recipient's page: whoever has it is taken for that person."""
_PERSONAL = re.compile("|".join((_EMAIL, _PHONE, _LINK)))


def configure(settings: Settings | None = None, *, process: str = "", stream: TextIO | None = None) -> None:
    """Write log lines as the settings say, to stderr; without settings as their defaults do.

    ``process`` is what this process is, for every line: ``web``, ``worker``, ``scheduler``.
    """
    told = settings or Settings.model_construct()
    out = stream or sys.stderr
    level = logging.getLevelNamesMapping()[told.log_level.upper()]
    shared = _shared(process)
    ending = [*_ending(told.log_format, out)]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(_without_messages)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)


def masked(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """The line without what looks personal."""
    return {name: value if name in _OURS else _masked(name, value) for name, value in line.items()}


def _masked(name: str, value: Any) -> Any:
    if name.lower() in _NEVER:
        return REMOVED
    if isinstance(value, str):
        return _PERSONAL.sub(REMOVED, value)
    if isinstance(value, Mapping):
        return {key: _masked(str(key), held) for key, held in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [_masked("", held) for held in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _PERSONAL.sub(REMOVED, str(value))


def _shared(process: str) -> list[Processor]:
    def named(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        return {**line, "process": process, "pid": os.getpid()} if process else line

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
    ]


def _ending(form: str, out: TextIO) -> list[Processor]:
    # An exception is made text first, because it quotes what it likes.
    before: list[Processor] = [structlog.processors.format_exc_info, masked]
    if form == "console":
        plain = structlog.dev.plain_traceback
        return [*before, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    return [*before, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _without_messages(record: logging.LogRecord) -> bool:
    """Dramatiq prints its messages whole, and those that carry events hold people's data: their ids say enough."""
    if record.name.startswith("dramatiq") and isinstance(record.args, tuple):
        record.args = tuple(getattr(argument, "message_id", argument) for argument in record.args)
    return True
