"""How a worker process treats Python's garbage collector, and memory."""

from __future__ import annotations

import ctypes
import gc

import pytest

from dangol.queue.worker import seldom_collected, sharing_memory


def test_while_workers_run_cycles_are_looked_for_seldom_and_not_among_what_was_loaded_before() -> None:
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
        assert gc.isenabled()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("trouble", [OSError("no such library"), AttributeError("mallopt")])
def test_a_c_library_that_knows_nothing_of_arenas_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def library(_name: object) -> object:
        raise trouble

    monkeypatch.setattr(ctypes, "CDLL", library)
    sharing_memory()
