"""A receiver that ends in the middle of something is a receiver that did not answer, whatever the loop calls it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from dangol.devproviders.outgoing import Poster, _Line


class Gone:
    """A kept connection that was closed between being looked at and being written to, as uvloop has it."""

    def at_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return False

    def write(self, _data: bytes) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def close(self) -> None:
        pass


def test_a_connection_that_was_just_closed_is_no_answer() -> None:
    poster, gone = Poster("http://127.0.0.1:9"), Gone()
    kept: Any = gone
    poster._idle = deque([_Line(kept, kept)])
    assert asyncio.run(poster.post("/hooks/sendgrid", {}, b"[]")) == -1
    assert not poster._idle
