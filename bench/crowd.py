"""A crowd that the database fills in itself, so that millions of rows take minutes, and a workspace to write to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

_SHIPPED = Path(__file__).parents[1]
_TEXTS = {
    "note/email.en.md.j2": "---\nsubject: A note\npreheader: P\ntitle: T\n---\nHow are you?\n",
    "note/sms.en.txt.j2": "How are you?\n",
}

# `i` numbers the rows; `{time}` is spread over the 400 days before, as consents and hand-overs are, the rows of one
# person 37 days apart, however large the crowd is; none of a person's rows is next to another.
PEOPLE = (
    "INSERT INTO profiles "
    "(id, external_id, email, phone, locale, timezone, country, attributes, created_at, updated_at) "
    "SELECT {id}, 'p' || i, 'p' || i || '@example.com', '+8210' || (10000000 + i), 'en', 'Asia/Seoul', 'KR', '{{}}', "
    "{time}, {time} FROM {people}",
    "INSERT INTO profile_keys (profile_id, key) SELECT {id}, {key} FROM {people}",
)
CONSENTS = (
    "INSERT INTO consents (id, profile_id, channel, purpose, action, basis, source, wording, occurred_at, recorded_at) "
    "SELECT {id}, {owner}, CASE i / {crowd} WHEN 0 THEN 'email' ELSE 'sms' END, 'marketing', 'granted', 'consent', "
    "'form:bench', 'Yes', {time}, {time} FROM {consents}",
    "INSERT INTO consent_states (profile_id, channel, purpose, granted, consent_id, occurred_at, since, confirmed_at) "
    "SELECT {owner}, CASE i / {crowd} WHEN 0 THEN 'email' ELSE 'sms' END, 'marketing', true, {id}, {time}, {time}, "
    "{time} FROM {consents}",
)
"""Consents to email for everybody, and to SMS for as many people as there are more consents than people."""


def row_id(number: int) -> str:
    """The id of the ``number``-th row, whichever table it is of."""
    return f"{number:026d}"


def fill(
    tx: Connection, statements: Iterable[str], counts: Mapping[str, int], *, postgresql: bool, **words: Any
) -> None:
    """Run these statements; each of ``counts`` becomes a table of so many numbers, ``people`` is one of them.

    ``words`` are what the statements name beyond that.
    """
    crowd = counts["people"]
    padded = padding(postgresql=postgresql)
    spread = f"(i % {crowd} % 400 * 7919 + i / {crowd} * 37) % 400"
    known: dict[str, Any] = {
        "id": padded.format("i"),
        "owner": padded.format(f"i % {crowd}"),
        "crowd": crowd,
        "key": "decode(repeat(md5(i::text), 4), 'hex')" if postgresql else "randomblob(64)",
        "time": moment("2026-03-02 02:00:00", f"-86400 * ({spread})", postgresql=postgresql),
        **{name: _numbers(count, postgresql=postgresql) for name, count in counts.items()},
        **words,
    }
    for statement in statements:
        said = statement.format(**known)
        tx.exec_driver_sql(said.replace("%", "%%") if postgresql else said)


def padding(*, postgresql: bool) -> str:
    """How a number becomes a row's id."""
    return "lpad(({})::text, 26, '0')" if postgresql else "printf('%026d', {})"


def moment(base: str, seconds: str, *, postgresql: bool) -> str:
    """The instant so many seconds after ``base``, as each database stores it."""
    if postgresql:
        return f"timestamptz '{base}+00' + ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%dT%H:%M:%f000+00:00', '{base}', printf('%+.3f seconds', {seconds}))"


def _numbers(count: int, *, postgresql: bool) -> str:
    if postgresql:
        return f"generate_series(0, {count - 1}) AS numbered(i)"
    return (
        f"(WITH RECURSIVE numbered(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbered WHERE i < {count - 1}) "
        "SELECT i FROM numbered)"
    )


def write_workspace(root: Path, channels: list[str], policies: Mapping[str, Any]) -> Path:
    """One campaign of notes on these channels under these policies, with the brand and the map that ship."""
    shared = ("campaigns/journey-map.yaml", "campaigns/tracking-plan.yaml", "templates/brand/voice.yaml")
    brand = ("templates/brand/email.mjml.j2", "templates/brand/macros.j2")
    campaign = {
        "key": "notes",
        "name": "Notes",
        "purpose": "marketing",
        "entry": {"event": "Order Completed", "again": "always"},
        "stages": [{"stage": "loyalty", "steps": [{"send": "note", "channels": channels}]}],
    }
    files = {
        **{name: (_SHIPPED / name).read_text(encoding="utf-8") for name in (*shared, *brand)},
        "campaigns/policies.yaml": json.dumps({"timezone": "Asia/Seoul", "locale": "en", **policies}),
        "campaigns/notes.yaml": json.dumps(campaign),
        **{f"templates/{name}": said for name, said in _TEXTS.items() if name.split("/")[1].split(".")[0] in channels},
    }
    for name, said in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(said, encoding="utf-8")
    return root
