"""How a worker process treats Python's garbage collector."""

import gc

from dangol.queue.worker import seldom_collected


def test_while_workers_run_cycles_are_looked_for_seldom_and_not_among_what_was_loaded_before() -> None:
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
        assert gc.isenabled()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
