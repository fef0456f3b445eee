"""What an operator does before anything runs: the schema, and the secrets that others need."""

from __future__ import annotations

import typer

from dangol.bootstrap import open_dangol
from dangol.settings import Settings
from dangol.store.database import Database


def migrate() -> None:
    """Bring the database's schema up to this release; safe to repeat."""
    database = Database(Settings().database)
    try:
        database.migrate()
    finally:
        database.close()
    typer.echo(f"{database.label} has the schema of this release")


def write_key() -> None:
    """Print the key that back ends present to the API."""
    with open_dangol(Settings()) as dangol:
        typer.echo(dangol.write_key)


def webhook_secret() -> None:
    """Print the secret that calls of `webhook` steps are signed with; their receivers need it."""
    with open_dangol(Settings()) as dangol:
        typer.echo(dangol.webhook_secret)
