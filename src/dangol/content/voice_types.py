"""What the values of voice.yaml look like, with words for authors who write them otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class _Like:
    """Text that matches all of ``pattern``; otherwise ``expected`` is what its author reads."""

    pattern: str
    expected: str

    def check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"expected {self.expected}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}


LocaleName = Annotated[str, _Like(r"[a-z]{2,3}(-[A-Z]{2})?", "a locale such as `ko` or `en-GB`")]
Name = Annotated[str, _Like(r"[^\r\n]{1,60}", "a name of 1 to 60 characters on one line")]
Word = Annotated[str, _Like(r"\S(?:[^\r\n]{0,98}\S)?", "a word or phrase on one line, without spaces around it")]
RuleId = Annotated[str, _Like(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "the id of a rule such as `avoided-term`")]
Mailbox = Annotated[str, _Like(r"[^@\s<>]+@[^@\s<>]+", "an email address")]
Website = Annotated[str, _Like(r"https?://\S+", "an address that starts with https:// or http://")]
Sender = Annotated[str, _Like(r"\+?[0-9A-Za-z]{3,15}", "a number, or a name of 3 to 15 letters and digits")]
Line = Annotated[str, Field(max_length=500)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
AtMost = Annotated[int, Field(ge=0, le=100)]
Characters = Annotated[int, Field(ge=1, le=100_000)]
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_ALWAYS = frozenset({"http", "https", "mailto", "tel"})
_DANGEROUS = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem"})


def _share(value: object) -> float:
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError(f"expected a percentage from 0% to 100%, such as `80%`; found {value!r}")
    return float(match[1]) / 100


Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?%$", "examples": ["80%"]}),
]


def _scheme(value: str) -> str:
    if not _SCHEME.fullmatch(value):
        raise ValueError(f"expected a scheme without `:`, such as `dangolrecords`; found {value!r}")
    if value in _DANGEROUS:
        raise ValueError(f"links that start with `{value}:` can run or read something; expected the scheme of an app")
    if value in _ALWAYS:
        raise ValueError(f"`{value}` is always allowed; expected the scheme of an app")
    return value


Scheme = Annotated[str, AfterValidator(_scheme), WithJsonSchema({"type": "string", "pattern": f"^{_SCHEME.pattern}$"})]


def _severity(value: Any) -> Any:
    # `off` is text in YAML 1.2; who knows YAML 1.1 may write `false`.
    return "off" if value is False else value


Severity = Annotated[Literal["error", "warning", "note", "off"], BeforeValidator(_severity)]
