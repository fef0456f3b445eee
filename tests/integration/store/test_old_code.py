"""The release before goes on beside the new schema: its own code, taken from the history, sends on a migrated database.

What can be told of every earlier revision without its code is in ``test_expand_and_contract``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select

from dangol.ledger import reader
from dangol.store import schema
from dangol.store.database import Database
from dangol.store.tables import journeys, messages, slots

ROOT = Path(__file__).parents[3]
OLD_PROCESS = Path(__file__).parent / "old_process.py"


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not there, so the code of the release before cannot be had")
    if done.returncode:
        pytest.skip(f"the history does not reach back to the release before: {done.stderr.decode().strip()}")
    return done.stdout


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it was before the newest migration was added."""
    newest = max((schema.MIGRATIONS / "versions").glob("*.py"))
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(newest.relative_to(ROOT))).decode().strip()
    tree = _git("archive", f"{added}^" if added else "HEAD", "src", "templates", "tests")
    into = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=BytesIO(tree)) as archive:
        archive.extractall(into, filter="data")
    return into


def test_a_process_of_the_release_before_sends_on_the_new_schema(
    database: Database, old_code: Path, tmp_path: Path
) -> None:
    url = database.url.render_as_string(hide_password=False)
    paths = {"PYTHONPATH": f"{old_code / 'src'}{os.pathsep}{old_code}", "PATH": os.environ.get("PATH", "")}
    done = subprocess.run(
        [sys.executable, str(OLD_PROCESS), url, str(tmp_path / "old")],
        capture_output=True,
        check=False,
        env=paths,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"code": str(old_code / "src" / "dangol"), "accepted": ["ana@example.com"]}
    with database.read() as tx:
        assert tx.execute(select(journeys.c.end_reason)).scalars().all() == ["completed"]
        assert tx.execute(select(messages.c.state)).scalars().all() == ["accepted"]
        assert len(tx.execute(select(slots)).all()) == 1
        decisions = [entry.decision for entry in reader.history(tx, reader.Filter())]
    assert decisions[0] == "journey_entered"
    assert "message_accepted" in decisions
