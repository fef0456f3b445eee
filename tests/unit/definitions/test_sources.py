"""Reading a workspace from disk: limited, inside its root, all problems at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dangol.definitions.sources import state_of
from dangol.definitions.workspace import find_root, load_workspace, read_sources, read_workspace
from dangol.definitions.yaml import MAX_BYTES
from dangol.errors import ProblemsFound, UsageError
from dangol.model.problem import Problem
from tests.unit.definitions.samples import CAMPAIGN, sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in sources(cart=CAMPAIGN).items():
        write(tmp_path / "shop" / path, text.encode())
    return tmp_path / "shop"


def write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def found(root: Path) -> list[Problem]:
    with pytest.raises(ProblemsFound) as caught:
        read_sources(root)
    return list(caught.value.problems)


def test_a_workspace_is_read_and_loaded(root: Path) -> None:
    assert dict(read_sources(root)) == sources(cart=CAMPAIGN)
    assert load_workspace(root).campaigns["cart"].name == "Cart"


def test_tests_hidden_files_and_files_that_are_no_text_are_passed_over(root: Path) -> None:
    write(root / "campaigns/tests/cart.yaml", b"\xff")
    write(root / "campaigns/.hidden.yaml", b"\xff")
    write(root / "campaigns/notes.txt", b"\xff")
    write(root / "templates/.git/x.md", b"\xff")
    write(root / "templates/brand/logo.png", b"\xff")
    assert dict(read_sources(root)) == sources(cart=CAMPAIGN)


def test_a_hundred_megabytes_are_refused_without_being_read(root: Path) -> None:
    with (root / "campaigns/huge.yaml").open("wb") as stream:
        stream.truncate(100_000_000)
    started = time.process_time()
    (problem,) = found(root)
    assert (problem.path, problem.code) == ("campaigns/huge.yaml", "too-large")
    assert "100,000,000 bytes" in problem.message
    assert time.process_time() - started < 0.5


def test_the_largest_file_that_is_allowed_is_checked_in_seconds(root: Path) -> None:
    lines = b"".join(b"k%d: [1, 2]\n" % number for number in range(5_000))
    write(root / "campaigns/cart.yaml", CAMPAIGN.encode() + lines + b"# " + b"x" * (MAX_BYTES - len(lines) - 1_000))
    started = time.process_time()
    _, problems = read_workspace(root)
    assert {problem.code for problem in problems} == {"unknown-key"}
    assert time.process_time() - started < 20


def test_a_link_may_stay_inside_the_workspace_and_not_leave_it(root: Path) -> None:
    (root / "templates/nudge/sms.ko.txt.j2").symlink_to("../thanks/sms.ko.txt.j2")
    assert read_sources(root)["templates/nudge/sms.ko.txt.j2"] == "thanks\n"
    write(root.parent / "secret.yaml", b"password: x\n")
    (root / "campaigns/secret.yaml").symlink_to(root.parent / "secret.yaml")
    (root / "templates/outside").symlink_to(root.parent, target_is_directory=True)
    assert [(problem.path, problem.code) for problem in found(root)] == [
        ("campaigns/secret.yaml", "outside-workspace"),
        ("templates/outside", "outside-workspace"),
    ]


def test_linked_folders_devices_and_loops_are_refused(root: Path) -> None:
    (root / "templates/again").symlink_to("nudge", target_is_directory=True)
    (root / "campaigns/loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(root / "campaigns/pipe.yaml")
    assert {(problem.path, problem.code) for problem in found(root)} == {
        ("campaigns/loop.yaml", "unreadable"),
        ("campaigns/pipe.yaml", "not-a-file"),
        ("templates/again", "not-a-file"),
    }


def test_a_file_that_cannot_be_read_does_not_hide_mistakes_in_the_others(root: Path) -> None:
    write(root / "campaigns/policies.yaml", "locale: 한국어".encode("euc-kr"))
    write(root / "campaigns/other.yml", b"")
    write(root / "campaigns/cart.yaml", CAMPAIGN.replace("purchase", "purchas").encode())
    workspace, problems = read_workspace(root)
    assert workspace is None
    assert [(problem.path, problem.code) for problem in problems] == [
        ("campaigns/cart.yaml", "unknown-stage"),
        ("campaigns/other.yml", "file-name"),
        ("campaigns/policies.yaml", "not-utf-8"),
    ]


def test_windows_line_ends_make_no_other_workspace(root: Path) -> None:
    for file in (root / "campaigns").iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert dict(read_sources(root)) == sources(cart=CAMPAIGN)


def test_a_zero_byte_is_no_text(root: Path) -> None:
    write(root / "templates/nudge/push.ko.txt.j2", b"one\ntwo\x00")
    assert [(problem.line, problem.column, problem.code) for problem in found(root)] == [(2, 4, "not-text")]


def test_the_root_is_found_upward(root: Path) -> None:
    assert find_root(root / "campaigns/cart.yaml") == root.resolve()
    assert find_root(root / "templates/nudge") == root.resolve()


def test_no_workspace_is_a_wrong_call_with_advice(tmp_path: Path) -> None:
    for call in (find_root, read_sources, read_workspace, load_workspace):
        with pytest.raises(UsageError, match=r"no campaigns folder in .* or set DANGOL_WORKSPACE"):
            call(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        find_root(tmp_path / "nothing")


class TestState:
    def test_changes_with_every_change_of_a_file_and_with_nothing_else(self, root: Path) -> None:
        first = state_of(root)
        (root / "notes.txt").write_text("not of the workspace")
        (root / "templates/.hidden.md").write_text("not shown")
        assert state_of(root) == first
        file = next((root / "campaigns").iterdir())
        file.write_text(f"{file.read_text()}\n")
        assert state_of(root) not in {first, ""}

    def test_tells_apart_a_file_that_was_saved_again(self, root: Path) -> None:
        file = next((root / "campaigns").iterdir())
        first = state_of(root)
        os.utime(file, ns=(0, 1))
        assert state_of(root) != first

    def test_links_that_lead_nowhere_are_only_names(self, root: Path) -> None:
        first = state_of(root)
        (root / "templates/away.md.j2").symlink_to(root / "nowhere")
        assert state_of(root) != first

    def test_no_workspace_has_no_state(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no campaigns folder"):
            state_of(tmp_path / "nowhere")
