"""``dangol reply``: report by hand what somebody answered to a text message."""

from __future__ import annotations

from typing import Annotated

import typer

from dangol import ids
from dangol.bootstrap import open_dangol
from dangol.errors import InvalidEvent, UsageError
from dangol.settings import Settings
from dangol.surfaces.api.replies import parse_reply


def reply(
    text: Annotated[str, typer.Argument(help="What was written, such as STOP or 수신거부.")],
    sender: Annotated[str, typer.Option("--from", metavar="NUMBER", help="Whose number, as +821012345678.")],
    message_id: Annotated[
        str | None, typer.Option("--message-id", help="The carrier's id; one seen before changes nothing.")
    ] = None,
) -> None:
    """Do what a reply asks for, as if its carrier had reported it, and print what is answered."""
    with open_dangol(Settings()) as dangol:
        now = dangol.clock.now()
        body = {
            "from": sender,
            "text": text,
            "messageId": message_id or f"cli-{ids.opaque(now, dangol.pipeline.entropy)}",
        }
        try:
            answer = dangol.pipeline.reply(parse_reply(body, now=now))
        except InvalidEvent as error:
            raise UsageError(str(error).replace("phone:", "--from:", 1)) from None
    typer.echo(f"understood: {answer.intent.value}")
    typer.echo(f"answer: {answer.text}" if answer.text else "answer: none")
