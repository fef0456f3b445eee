"""Texts looked up whatever their case, by an index on both databases.

No database folds case as Python does, and none two alike. Both agree about ASCII: such texts are found in lower case,
and the few others by an index of their own, to be compared one by one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class lowered(FunctionElement[str]):  # noqa: N801 - reads like a function of SQL
    """The text with ASCII letters in lower case and all others as they are."""

    type = Text()
    inherit_cache = True


class beyond_ascii(FunctionElement[bool]):  # noqa: N801 - reads like a function of SQL
    """Whether the text has characters that ASCII has not."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> beyond_ascii:
        """As it is: SQLAlchemy would compare it with 1 for SQLite, which then does not use the index."""
        return self


@compiles(lowered)
def _lowered(element: lowered, compiler: SQLCompiler, **options: Any) -> str:
    (clause,) = element.clauses
    return f"lower({compiler.process(clause, **options)})"


@compiles(lowered, "postgresql")
def _lowered_in_c(element: lowered, compiler: SQLCompiler, **options: Any) -> str:
    """Under the rules of C, because those of some languages make another letter of an I."""
    (clause,) = element.clauses
    return f'lower({compiler.process(clause, **options)} COLLATE "C")'


@compiles(beyond_ascii)
def _longer_in_bytes(element: beyond_ascii, compiler: SQLCompiler, **options: Any) -> str:
    (clause,) = element.clauses
    text = compiler.process(clause, **options)
    return f"(length(CAST({text} AS BLOB)) > length({text}))"


@compiles(beyond_ascii, "postgresql")
def _longer_in_octets(element: beyond_ascii, compiler: SQLCompiler, **options: Any) -> str:
    (clause,) = element.clauses
    text = compiler.process(clause, **options)
    return f"(octet_length({text}) > char_length({text}))"
