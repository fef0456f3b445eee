"""Compiled versions, shared by the threads of a process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from dangol import release
from dangol.errors import UnknownVersion
from dangol.release import Releases

NOWHERE: Any = None
PATIENCE = 10.0


class Asked:
    """Versions that two threads ask for: whoever compiles first waits until the other has come as far."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, broken: bool = False) -> None:
        self.compiled: list[str] = []
        self._broken = broken
        self._both_loaded = threading.Barrier(2)
        monkeypatch.setattr(release.versions, "load", self._load)
        monkeypatch.setattr(release, "compile_release", self._compile)

    def _load(self, _connection: Any, version_id: str) -> Any:
        self._both_loaded.wait(PATIENCE)
        return SimpleNamespace(id=version_id, campaign=SimpleNamespace(key="letter"))

    def _compile(self, version: Any) -> Any:
        self.compiled.append(version.id)
        if self._broken:
            raise ValueError("a text does not compile")
        return object()


def test_threads_that_ask_for_a_version_at_the_same_moment_compile_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, releases = Asked(monkeypatch), Releases()
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: releases.get(NOWHERE, "v1"), range(2))
    assert first is second
    assert asked.compiled == ["v1"]


def test_a_version_that_does_not_compile_is_tried_once_and_tells_every_thread_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, releases = Asked(monkeypatch, broken=True), Releases()
    with ThreadPoolExecutor(2) as threads:
        told = [threads.submit(releases.get, NOWHERE, "v1") for _ in range(2)]
    for one in told:
        with pytest.raises(UnknownVersion, match="version v1 of letter cannot be run: a text does not compile"):
            one.result()
    assert asked.compiled == ["v1"]
