"""The simulation of the queue in front of the workers keeps to what can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.queueing import Model, Simulation, measured, scaled
from bench.sending import Sent

NO_ORDERS = 0.0, 0.0
MODEL = Model(message=250e-6, other=100e-6, batch=0.0, latency=0.0)
IN_ONE_LINE = replace(MODEL, first_threads=0)


def test_the_same_model_gives_the_same_answer() -> None:
    runs = [Simulation(MODEL, orders=(50.0, 2.0), messages=10_000).run() for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("cores", [1.0, 2.0])
def test_without_waiting_cores_are_the_limit(cores: float) -> None:
    found = Simulation(replace(MODEL, cores=cores), orders=NO_ORDERS, messages=50_000).run()
    assert found.rate == pytest.approx(cores / 350e-6, rel=0.1)


def test_a_process_uses_one_core_at_most() -> None:
    found = Simulation(replace(MODEL, processes=1, cores=8.0), orders=NO_ORDERS, messages=50_000).run()
    assert found.rate == pytest.approx(1 / 350e-6, rel=0.1)


def test_with_slow_carriers_threads_are_the_limit() -> None:
    slow = replace(MODEL, message=1e-6, other=0.0, latency=1.0, connections=500, threads=1, batch_size=500)
    found = Simulation(slow, orders=NO_ORDERS, messages=20_000).run()
    assert found.rate == pytest.approx(2 * 500 / 1.0, rel=0.1)


def test_an_order_that_meets_nobody_waits_for_its_own_work_and_the_carrier() -> None:
    quiet = replace(MODEL, batch=0.010, latency=0.050, turn=1e-3)
    found = Simulation(quiet, orders=(2.0, 20.0), messages=0).run()
    assert found.orders > 20
    assert found.p50_ms == pytest.approx(60, abs=4)


def test_orders_with_threads_of_their_own_do_not_wait_for_a_blast() -> None:
    in_line, first = (Simulation(model, orders=(20.0, 5.0), messages=30_000).run() for model in (IN_ONE_LINE, MODEL))
    assert first.orders == in_line.orders
    assert first.p99_ms < in_line.p99_ms / 3


def test_orders_that_come_faster_than_they_go_alone_go_together() -> None:
    dear = replace(MODEL, message=0.0, other=0.0, batch=0.050)
    found = Simulation(dear, orders=(100.0, 10.0), messages=0).run()
    assert found.orders > 900
    assert found.p99_ms < 500


def test_machines_add_up() -> None:
    one, four = scaled(replace(MODEL, latency=0.05), (1, 4)).values()
    assert four.rate == pytest.approx(4 * one.rate, rel=0.15)


def test_a_measured_blast_becomes_a_model_of_its_cpu_times() -> None:
    cpu = {"worker1": 200.0, "worker2": 100.0, "web": 50.0, "PostgreSQL": 80.0, "carriers": 30.0}
    sent = Sent("workers", 50.0, 1_000, 950, 50, 1.0, 1.0, 1.0, 0, cpu)
    model = measured(sent)
    assert (model.message, model.latency) == (pytest.approx(300e-6), 0.05)
    assert model.other == pytest.approx(160e-6)
    assert sent.cpu_us == 430
