"""What several requests ask for at the same time is done in one piece, and each is answered for its own part."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from dangol.errors import StoreUnavailable
from dangol.surfaces.together import Together

LONG = 30


class Work:
    """Notes what it is given. While ``closed``, whoever works waits for ``door``."""

    def __init__(self, fails: Callable[[Sequence[str]], Exception | None] = lambda _: None) -> None:
        self.pieces: list[list[str]] = []
        self.door = threading.Event()
        self.begun = threading.Semaphore(0)
        self._fails = fails

    def __call__(self, items: Sequence[str]) -> Sequence[str]:
        self.pieces.append(list(items))
        self.begun.release()
        assert self.door.wait(LONG)
        if error := self._fails(items):
            raise error
        return [item for item in items if item.startswith("held")]

    async def is_under_way(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=LONG)


async def asked(together: Together[str], *requests: Sequence[str]) -> list[asyncio.Task[None]]:
    """Requests in this order, none of them answered yet."""
    tasks = [asyncio.create_task(together(request)) for request in requests]
    await asyncio.sleep(0)
    return tasks


def test_who_comes_while_others_are_at_work_goes_into_the_next_piece() -> None:
    async def scene() -> None:
        work = Work()
        together = Together[str](work, most=10, at_once=1)
        first = await asked(together, ["a"])
        await work.is_under_way()
        others = await asked(together, ["b"], ["c", "d"], ["e"])
        work.door.set()
        await asyncio.gather(*first, *others)
        assert work.pieces == [["a"], ["b", "c", "d", "e"]]

    asyncio.run(scene())


def test_who_comes_alone_goes_alone_and_is_answered_when_it_is_done() -> None:
    async def scene() -> None:
        work = Work()
        work.door.set()
        together = Together[str](work, most=10, at_once=1)
        for name in "abc":
            await together([name])
        assert work.pieces == [["a"], ["b"], ["c"]]

    asyncio.run(scene())


def test_nobody_is_answered_before_the_work_is_done() -> None:
    async def scene() -> None:
        work = Work()
        [task] = await asked(Together[str](work, most=10, at_once=1), ["a"])
        await work.is_under_way()
        assert not task.done()
        work.door.set()
        await task

    asyncio.run(scene())


def test_a_piece_has_no_more_than_its_most_unless_one_request_alone_has() -> None:
    async def scene() -> None:
        work = Work()
        together = Together[str](work, most=2, at_once=1)
        first = await asked(together, ["a"])
        await work.is_under_way()
        others = await asked(together, ["b"], ["c", "d", "e"], ["f"], ["g"], ["h"])
        work.door.set()
        await asyncio.gather(*first, *others)
        assert work.pieces == [["a"], ["b"], ["c", "d", "e"], ["f", "g"], ["h"]]

    asyncio.run(scene())


def test_one_that_waits_holds_up_nobody_while_another_may_work() -> None:
    async def scene() -> None:
        work = Work()
        together = Together[str](work, most=10, at_once=2)
        tasks = await asked(together, ["a"], ["b"])
        await work.is_under_way()
        await work.is_under_way()
        assert sorted(work.pieces) == [["a"], ["b"]]
        work.door.set()
        await asyncio.gather(*tasks)

    asyncio.run(scene())


def test_nobody_is_refused_for_what_another_sent() -> None:
    def fails(items: Sequence[str]) -> Exception | None:
        return ValueError("bad") if "bad" in items else None

    async def scene() -> None:
        work = Work(fails)
        together = Together[str](work, most=10, at_once=1)
        first = await asked(together, ["a"])
        await work.is_under_way()
        others = await asked(together, ["b"], ["bad"], ["c"])
        work.door.set()
        answers = await asyncio.gather(*first, *others, return_exceptions=True)
        assert [type(answer) for answer in answers] == [type(None), type(None), ValueError, type(None)]
        assert work.pieces == [["a"], ["b", "bad", "c"], ["b"], ["bad"], ["c"]]

    asyncio.run(scene())


def test_a_database_that_is_away_is_asked_once_for_all_who_wait_together() -> None:
    async def scene() -> None:
        work = Work(lambda _: StoreUnavailable("away"))
        together = Together[str](work, most=10, at_once=1)
        first = await asked(together, ["a"])
        await work.is_under_way()
        others = await asked(together, ["b"], ["c"])
        work.door.set()
        answers = await asyncio.gather(*first, *others, return_exceptions=True)
        assert all(isinstance(answer, StoreUnavailable) for answer in answers)
        assert work.pieces == [["a"], ["b", "c"]]

    asyncio.run(scene())


def test_what_has_to_wait_is_done_alone_and_holds_up_nobody_else() -> None:
    async def scene() -> None:
        work, door, waited = Work(), threading.Event(), list[str]()

        def alone(items: Sequence[str]) -> None:
            assert door.wait(LONG)
            waited.extend(items)

        work.door.set()
        together = Together[str](work, most=10, at_once=1, alone=alone)
        held, mixed = await asked(together, ["held 1"], ["a", "held 2"])
        for name in "bcd":
            await together([name])
        assert not held.done()
        assert not mixed.done()
        door.set()
        await asyncio.gather(held, mixed)
        assert sorted(waited) == ["held 1", "held 2"]

    asyncio.run(scene())


def test_whoever_waits_alone_is_told_what_came_of_that() -> None:
    def alone(_items: Sequence[str]) -> None:
        raise StoreUnavailable("held for too long")

    async def scene() -> None:
        work = Work()
        work.door.set()
        with pytest.raises(StoreUnavailable):
            await Together[str](work, most=10, at_once=1, alone=alone)(["held"])

    asyncio.run(scene())


def test_who_has_gone_changes_nothing_for_the_others() -> None:
    async def scene() -> None:
        work = Work()
        together = Together[str](work, most=10, at_once=1)
        first = await asked(together, ["a"])
        await work.is_under_way()
        gone, stays = await asked(together, ["b"], ["c"])
        gone.cancel()
        work.door.set()
        await asyncio.gather(*first, stays)
        assert work.pieces == [["a"], ["b", "c"]]
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(scene())


def test_requests_of_several_event_loops_are_answered_each_on_its_own() -> None:
    work = Work()
    work.door.set()
    together = Together[str](work, most=10, at_once=1)
    threads = [threading.Thread(target=asyncio.run, args=(together([str(number)]),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert sorted(item for piece in work.pieces for item in piece) == sorted(str(number) for number in range(8))
