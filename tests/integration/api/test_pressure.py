"""A process that has enough in hand says so at once, and when to come again."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dangol.surfaces.pressure import Pressure


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.entered = 0
        self.go = asyncio.Event()
        self.coming = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.coming:
            self.entered += 1
            self.coming.notify_all()
        await self.go.wait()
        if scope["path"].endswith("/broken"):
            raise LookupError
        await PlainTextResponse("done")(scope, receive, send)


async def met(slow: Slow, count: int) -> None:
    """Return when so many calls have come through."""
    async with slow.coming:
        await slow.coming.wait_for(lambda: slow.entered >= count)


def client(slow: Slow, limit: int) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Pressure(slow, limit), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://dangol")


def test_calls_over_the_limit_are_asked_to_come_again_and_the_others_are_answered() -> None:
    async def play() -> None:
        slow = Slow()
        async with client(slow, 2) as calling:
            taken = [asyncio.create_task(calling.post("/v1/track")) for _ in range(2)]
            await met(slow, 2)
            refused = await calling.post("/v1/track")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
            assert (refused.json()["success"], refused.json()["code"]) == (False, "busy")
            assert slow.entered == 2
            slow.go.set()
            assert [(await one).status_code for one in taken] == [200, 200]

    asyncio.run(play())


@pytest.mark.parametrize("path", ["/u/token", "/healthz"])
def test_pages_are_let_in_always(path: str) -> None:
    async def play() -> None:
        slow = Slow()
        async with client(slow, 1) as calling:
            taken = asyncio.create_task(calling.post("/v1/track"))
            await met(slow, 1)
            page = asyncio.create_task(calling.get(path))
            await met(slow, 2)
            slow.go.set()
            assert ((await taken).status_code, (await page).status_code) == (200, 200)

    asyncio.run(play())


def test_a_call_that_breaks_makes_room_again() -> None:
    async def play() -> None:
        slow = Slow()
        slow.go.set()
        async with client(slow, 1) as calling:
            assert (await calling.post("/v1/broken")).status_code == 500
            assert (await calling.post("/v1/track")).status_code == 200

    asyncio.run(play())
