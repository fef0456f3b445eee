"""The fact tables of messages and the fragmentation index of campaigns, as ``dangol check --facts`` shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from dangol.editor.facts import FactTable, Kind
from dangol.model.fragmentation import Fragmentation

_LINK_WIDTH = 40


def print_facts(
    tables: Iterable[FactTable], fragmentation: Mapping[str, Fragmentation], *, width: int | None = None
) -> None:
    """Every message's facts, a row each, and the index of every campaign."""
    console = Console(highlight=False, width=width, soft_wrap=False)
    for table in tables:
        console.print(_of_message(table))
    if fragmentation:
        console.print(_of_campaigns(fragmentation))


def _of_message(table: FactTable) -> RenderableType:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("fact", overflow="fold")
    for channel, locale in table.columns:
        shown.add_column(f"{channel.value} {locale}", overflow="fold")
    for row in table.rows:
        cells = [_cell(told, number in row.differing, row.kind) for number, told in enumerate(row.cells)]
        shown.add_row(Text(_short(row.value, row.kind)), *cells)
    title = Text(f"templates/{table.template}", "bold").append(f"  said to {table.sample}", "not bold dim")
    if not table.rows:
        return Group(title, Text("  no facts\n", "dim"))
    return Group(title, shown)


def _cell(told: str, differs: bool, kind: Kind) -> Text:
    if not told:
        return Text("–", "dim")
    return Text(f"✗ {_short(told, kind)}", "red") if differs else Text(_short(told, kind))


def _short(text: str, kind: Kind) -> str:
    text = " ".join(text.split())
    text = text.removeprefix("https://") if kind is Kind.LINK else text
    return f"…{text[1 - _LINK_WIDTH :]}" if kind is Kind.LINK and len(text) > _LINK_WIDTH else text


def _of_campaigns(fragmentation: Mapping[str, Fragmentation]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("campaign", overflow="fold")
    for name in ("fragmentation", "differing", "missing", "told"):
        table.add_column(name, justify="right")
    for key, one in fragmentation.items():
        style = "red" if one.differing else ""
        numbers = (one.index, one.differing, one.missing, one.told)
        table.add_row(key, *(Text(f"{number:,}", style) for number in numbers))
    return table


def facts_as_data(tables: Iterable[FactTable], fragmentation: Mapping[str, Fragmentation]) -> dict[str, Any]:
    """The same as JSON has it: ``messages`` with their facts, ``campaigns`` with their numbers."""
    return {
        "messages": [_message_as_data(table) for table in tables],
        "campaigns": {key: asdict(one) | {"fragmentation": one.index} for key, one in fragmentation.items()},
    }


def _message_as_data(table: FactTable) -> dict[str, Any]:
    columns = [f"{channel.value}.{locale}" for channel, locale in table.columns]
    return {
        "message": table.template,
        "sample": table.sample,
        "facts": [
            {
                "kind": row.kind.value,
                "value": row.value,
                "told": {column: told or None for column, told in zip(columns, row.cells, strict=True)},
                "differing": _named(columns, row.differing),
            }
            for row in table.rows
        ],
    }


def _named(columns: Sequence[str], numbers: Iterable[int]) -> list[str]:
    return [columns[number] for number in sorted(numbers)]
