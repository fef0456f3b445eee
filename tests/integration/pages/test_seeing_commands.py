"""``dangol preview`` and ``dangol gallery`` as an author and a CI job meet them, and what their page shows."""

from __future__ import annotations

import re
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dangol.editor.samples import SAMPLES
from dangol.errors import UnknownProfile, UsageError
from tests.commands import app
from tests.docs.pages import blocks, read, table
from tests.integration.pipeline.house import House
from tests.outline import Outline
from tests.workspaces import campaign, note, write_workspace

MANUAL = read("docs/previewing.md")
Workspace = Callable[..., Path]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    def write(*campaigns: dict[str, object], **others: object) -> Path:
        root = write_workspace(tmp_path / "shop", *campaigns, **others)  # type: ignore[arg-type]
        monkeypatch.delenv("DANGOL_WORKSPACE", raising=False)
        monkeypatch.chdir(root)
        return root

    return write


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(shown.append(url)) or True)
    return shown


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


class TestPreview:
    def test_shows_every_text_that_there_is(self, workspace: Workspace) -> None:
        workspace(campaign("hello", note("email", "sms", "push")))
        result = run("preview", "note")
        assert result.exit_code == 0
        assert [line for line in result.output.splitlines() if line in {"email en", "sms en", "push en"}] == [
            "email en",
            "sms en",
            "push en",
        ]
        assert "Subject    A note" in result.output
        assert "Preheader  P" in result.output
        assert re.search(r"Link +none", result.output)
        assert "Opt out free: reply STOP or 080-000-0000" in result.output

    def test_uncommitted_changes_are_shown(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("sms")))
        (root / "templates/note/sms.en.txt.j2").write_text("New.\n")
        assert "Hello Alex. New." in run("preview", "note").output

    def test_channel_locale_sample_and_campaign_are_chosen(self, workspace: Workspace) -> None:
        workspace(
            campaign("a", note("sms", "push")),
            campaign("b", note("sms"), purpose="transactional"),
            texts={"note/sms.ko.txt.j2": "안녕\n"},
        )
        result = run("preview", "note", "--channel", "sms", "--locale", "ko", "--sample", "hangul", "--campaign", "b")
        assert "note · b, transactional · said to hangul" in result.output
        assert "박서준님, 안녕" in result.output
        assert "email en" not in result.output
        assert "push" not in result.output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["noet"], "there is no message 'noet'; did you mean `note`?"),
            (["note", "--sample", "x"], "found no sample 'x'; expected one of everyday"),
            (["note", "--campaign", "helo"], "did you mean `hello`?"),
            (["note", "--locale", "fr"], "`note` has no text fr; expected"),
            (["note", "--channel", "sms", "--locale", "ko"], "`note` has no text by sms in ko; expected"),
            (["note", "--sample", "bare", "--profile", "x"], "--profile and --sample name two readers"),
            (["note", "--output", "nowhere/x.html"], "cannot write nowhere/x.html"),
        ],
    )
    def test_what_cannot_be_shown_is_wrong_usage(self, workspace: Workspace, arguments: list[str], said: str) -> None:
        workspace(campaign("hello"))
        error = run("preview", *arguments).exception
        assert isinstance(error, UsageError)
        assert said in str(error)
        assert error.exit_code == 2

    def test_mistakes_are_told_as_check_tells_them_and_the_rest_is_shown(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("email", "sms")))
        (root / "templates/note/sms.en.txt.j2").write_text("{{ profile.name | uper }}\n")
        result = run("preview", "note")
        assert result.exit_code == 1
        assert "How are you?" in result.output
        assert "cannot be shown: it has mistakes" in result.output
        checked = run("check").output
        for line in result.stderr.splitlines()[:-1]:  # the last counts, and `check` reads other messages too
            assert line in checked
        assert "error[unknown-filter]" in result.stderr
        assert run("preview", "note", "--channel", "email").exit_code == 0

    def test_files_that_everything_needs_are_told_as_check_tells_them(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello"))
        (root / "campaigns/policies.yaml").write_text("colour: red\n")
        for command in (["preview", "note"], ["gallery"]):
            result = run(*command)
            assert result.exit_code == 1
            assert "campaigns/policies.yaml:1:1: error[unknown-key]" in result.stderr

    def test_a_file_needs_no_other(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("email", "sms")))
        result = run("preview", "note", "--output", "note.html", "--language", "ko")
        assert result.stdout.splitlines()[-1] == "note.html"
        outline = Outline((root / "note.html").read_text())
        assert outline.all("html") == [{"lang": "ko"}]
        assert len(outline.all("iframe")) == 4
        assert not outline.all("a") + outline.all("script") + outline.all("link")

    def test_the_browser_is_shown_the_file(self, workspace: Workspace, opened: list[str]) -> None:
        workspace(campaign("hello"))
        file = run("preview", "note", "--open").stdout.splitlines()[-1]
        assert opened == [Path(file).as_uri()]

    def test_without_a_browser_the_file_is_named(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        workspace(campaign("hello"))
        monkeypatch.setattr(webbrowser, "open", lambda _: False)
        result = run("preview", "note", "--open")
        assert result.exit_code == 0
        assert "no browser could be opened; open " in result.stderr


class TestPreviewToAPerson:
    @pytest.fixture
    def shop(self, house: House, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
        house.opens_with(campaign("hello")).knows("alice", attributes={"given_name": "Alice"})
        workspace(campaign("hello"))
        monkeypatch.setenv("DANGOL_DATABASE_URL", house.dangol.settings.database_url)
        monkeypatch.setenv("DANGOL_SECRET_KEY", "s")  # the one that the house was opened with
        monkeypatch.setenv("DANGOL_HOME", str(tmp_path))
        return house

    def test_says_it_to_them_and_warns(self, shop: House) -> None:
        result = run("preview", "note", "--profile", "alice", "--output", "x.html")
        assert result.exit_code == 0
        assert "Hello Alice," in result.output
        assert "This shows personal data: the profile of 'alice'." in result.stderr
        assert "a real person of this installation" in Path("x.html").read_text()

    def test_who_is_not_known_is_told(self, shop: House) -> None:
        assert isinstance(run("preview", "note", "--profile", "nobody").exception, UnknownProfile)


class TestGallery:
    def test_has_every_message_said_to_every_sample(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("email", "sms")), campaign("two", note("email")))
        result = run("gallery")
        assert result.exit_code == 0
        names = {file.name for file in (root / "gallery").iterdir()}
        assert len(names) == 1 + 4 * len(SAMPLES)  # letter, note as each campaign sends it, receipt
        assert f"gallery/index.html: 3 messages on {len(names)} pages" in result.output
        assert {"index.html", "note.html", "note--bare.html", "note--two.html", "note--bare--two.html"} <= names

    def test_every_link_leads_to_a_page_of_it(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("email")), campaign("two", note("email")))
        run("gallery", "--output", "out", "--language", "en")
        pages = {file.name: Outline(file.read_text()) for file in (root / "out").iterdir()}
        assert {link["href"] for page in pages.values() for link in page.all("a")} == pages.keys()
        assert all(not page.all("script") for page in pages.values())

    def test_is_the_same_for_the_same_files(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("email")))
        for name in ("a", "b"):
            run("gallery", "--output", name)
        assert all((root / "b" / file.name).read_bytes() == file.read_bytes() for file in (root / "a").iterdir())

    def test_replaces_its_own_pages_and_leaves_others_alone(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("email")))
        run("gallery")
        (root / "gallery/mine.html").write_text("<p>mine</p>")
        (root / "gallery/gone.html").write_text((root / "gallery/note.html").read_text())
        assert run("gallery").exit_code == 0
        assert (root / "gallery/mine.html").exists()
        assert not (root / "gallery/gone.html").exists()

    def test_does_not_write_over_what_is_none_of_its_pages(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello"))
        (root / "gallery").mkdir()
        (root / "gallery/index.html").write_text("mine")
        error = run("gallery").exception
        assert isinstance(error, UsageError)
        assert "gallery/index.html is there already" in str(error)
        assert (root / "gallery/index.html").read_text() == "mine"

    def test_a_folder_that_cannot_be_written_is_told(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello"))
        (root / "gallery").write_text("a file")
        assert "cannot write the gallery to gallery" in str(run("gallery").exception)

    def test_mistakes_make_it_fail_after_writing_what_can_be_shown(self, workspace: Workspace) -> None:
        root = workspace(campaign("hello", note("sms")))
        (root / "templates/note/sms.en.txt.j2").write_text("{{ x }}\n")
        result = run("gallery")
        assert result.exit_code == 1
        assert "error[unknown-name]" in result.stderr
        assert "How have you been?" in (root / "gallery/letter.html").read_text()

    def test_is_opened_on_request(self, workspace: Workspace, opened: list[str]) -> None:
        root = workspace(campaign("hello"))
        run("gallery", "--open")
        assert opened == [(root / "gallery/index.html").as_uri()]


class TestManual:
    def test_its_examples_print_what_it_shows(self, workspace: Workspace) -> None:
        text = next(block for language, block in blocks(MANUAL) if language.startswith("jinja "))
        step = {"send": "thanks", "channels": ["sms"]}
        workspace(campaign("thanks", step, purpose="transactional"), texts={"thanks/sms.en.txt.j2": text})
        examples = [block for language, block in blocks(MANUAL) if language == "console"]
        assert len(examples) == 2
        for example in examples:
            command, _, expected = example.partition("\n")
            result = run(*command.removeprefix("$ dangol ").split())
            printed = result.output or f"error: {result.exception}"
            assert [line.rstrip() for line in printed.strip().splitlines()] == expected.strip().splitlines()

    def test_it_names_every_sample_with_what_it_is(self) -> None:
        rows = [(name.strip("`"), about) for name, about in table(MANUAL, "Who reads")]
        told = [(sample.key, sample.about) for sample in SAMPLES]
        assert [name for name, _ in rows] == [key for key, _ in told]
        assert all(about.startswith(said) for (_, about), (_, said) in zip(rows, told, strict=True))
