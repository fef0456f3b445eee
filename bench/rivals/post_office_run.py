"""Runs django-post-office (``post_office/mailer.py``) in its own environment, with the same letter and readers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from bench.letter import TEMPLATE, reader
from bench.measure import process_cpu, server_cpu
from bench.phases import texts_of_the_letter
from bench.processes import at_work
from bench.rivals.runs import Rival, carriers, watched
from bench.stores import new_store
from dangol.model.vocabulary import Channel

HOW_TO_INSTALL = "not installed; `make bench-rivals` does it"
_FOLDER = Path(__file__).parent / "post_office"
_PYTHON = _FOLDER / ".venv" / "bin" / "python"
_MAILER = _FOLDER / "mailer.py"
_THREADS, _THREADS_IF_SLOW = 5, 16
_PICKS = 3


def installed() -> bool:
    """Is its environment there?"""
    return _PYTHON.exists()


def measure(server: str, folder: Path, recipients: int, latency: float) -> Rival:
    """Send one letter each to so many readers; putting them into the queue is not timed."""
    store = new_store(folder, server).create()
    try:
        letter, people = folder / "letter.json", folder / "people.json"
        letter.write_text(json.dumps(_letter()), encoding="utf-8")
        people.write_text(json.dumps([_person(number) for number in range(recipients)]), encoding="utf-8")
        _call("fill", url=store.url, letter=str(letter), people=str(people))
        with carriers(latency) as sim, at_work({}, folder) as crew:
            key = sim.credentials()["sendgrid"]["api_key"]
            threads = _THREADS_IF_SLOW if latency else _THREADS
            told = {"url": store.url, "carrier": sim.url, "key": key, "threads": threads}
            main = crew.start_other("post_office", [str(_PYTHON), str(_MAILER), "send", json.dumps(told)])
            return watched(crew, sim, lambda: {**server_cpu(store.url), **_children(main.process.pid)})
    finally:
        store.drop()


def _call(what: str, **told: Any) -> None:
    done = subprocess.run(
        [str(_PYTHON), str(_MAILER), what, json.dumps(told)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"django-post-office failed to {what}:\n{done.stdout}{done.stderr}")


def _letter() -> dict[str, str]:
    """The letter as Django's templates have it: ours, with Django's tags where a reader's own data was.

    That is less work than ours has: there is no loop and no condition in it, and amounts are numbers.
    """
    picks = [
        {"title": f"{{{{ title{place} }}}}", "artist": f"{{{{ artist{place} }}}}", "price": 29_000, "last": False}
        for place in range(_PICKS)
    ]
    known = {
        **reader(0)["attributes"],
        "name": "{{ given_name }}",
        "given_name": "{{ given_name }}",
        "picks": picks,
        "vip": False,
    }
    rendered = texts_of_the_letter().render(TEMPLATE, Channel.EMAIL, "en", {"profile": known, "event": {}})
    if "{{ title0 }}" not in rendered.html:
        raise RuntimeError("the letter does not hold Django's tags")
    return {"subject": rendered.subject, "text": rendered.text, "html": rendered.html}


def _person(number: int) -> dict[str, str]:
    known = reader(number)
    told = {"email": known["email"], "given_name": known["attributes"]["given_name"]}
    for place, pick in enumerate(known["attributes"]["picks"][:_PICKS]):
        told |= {f"title{place}": pick["title"], f"artist{place}": pick["artist"]}
    return told


def _children(pid: int) -> dict[int, float]:
    """CPU seconds of the processes that this one has started and that are still there."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return {}
    return {child: process_cpu(child) for child in children}
