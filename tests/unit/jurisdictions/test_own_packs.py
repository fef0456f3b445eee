"""A workspace adds packs of its own; it replaces none of dangol's, and lets nobody out of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dangol.checking import look_through
from dangol.definitions.diff import diff
from dangol.definitions.sources import state_of
from dangol.definitions.versions import cut
from dangol.definitions.workspace import load_workspace
from dangol.errors import ProblemsFound
from dangol.jurisdictions import check_packs, known_places, packs, packs_with, readable_packs
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.planner.cautions import Counted, cautions
from dangol.policy.law import Because
from dangol.release import compile_release
from dangol.scenarios.cases import collect
from tests.unit.policy.builders import person
from tests.workspaces import campaign, note, write_workspace

PATH = "campaigns/jurisdictions/JP.yaml"
JP = """\
code: JP
name: {en: Japan, ko: 일본}
read: November 2026
zone: Asia/Tokyo
rules:
  - id: JP-consent
    kind: consent
    says: {en: Only an express consent counts., ko: 명시적 동의만 인정합니다.}
    accepts: {consent: always}
    source: our counsel
    mark: v
  - id: JP-label
    kind: label
    says: {en: Advertising begins with a label., ko: 광고에는 표시를 합니다.}
    channels: [email]
    text: "[PR] "
    at: subject
    source: our counsel
    mark: v
"""
FR = JP.replace("JP", "FR").replace("zone: Asia/Tokyo", "zone: Europe/Paris\nincludes: [EU]")
SOMEBODY = person(country="JP", phone=None, timezone="Asia/Tokyo")


def shop(folder: Path, pack: str = JP, code: str = "JP") -> Path:
    root = write_workspace(folder, campaign("cart", note()))
    if pack:
        (root / "campaigns/jurisdictions").mkdir()
        (root / f"campaigns/jurisdictions/{code}.yaml").write_text(pack, encoding="utf-8")
    return root


def errors(root: Path) -> list[Problem]:
    return [one for one in look_through(root).problems if one.severity == "error"]


def test_a_pack_of_the_workspaces_own_binds_beside_those_of_dangol(tmp_path: Path) -> None:
    root = shop(tmp_path)
    assert errors(root) == []
    release = compile_release(cut(load_workspace(root), "cart"))
    assert release.rulebook.law.packs.keys() == packs().keys() | {"JP"}
    assert release.rulebook.law.places(SOMEBODY).bound == (("JP", Because.COUNTRY),)
    assert [rule.id for rule in release.rulebook.law.applied(SOMEBODY, Channel.EMAIL, Purpose.MARKETING).consent] == [
        "JP-consent"
    ]


def test_its_labels_stand_before_what_people_there_get(tmp_path: Path) -> None:
    release = compile_release(cut(load_workspace(shop(tmp_path)), "cart"))
    codes = release.binding(SOMEBODY)
    context = {"profile": {"name": "Hana"}, "event": {}, "links": {"preferences": "https://x.example/p"}}
    rendered = release.messages.render("note", Channel.EMAIL, "en", context, jurisdictions=codes)
    assert rendered.subject == "[PR] A note"


def test_a_pack_is_part_of_every_version_and_of_the_plan(tmp_path: Path) -> None:
    before = cut(load_workspace(shop(tmp_path, pack="")), "cart")
    after = cut(load_workspace(shop(tmp_path)), "cart")
    assert before.id != after.id
    assert PATH in after.workspace.sources
    assert [change.file for change in diff(before, after).shared] == ["jurisdictions/JP"]


def test_who_watches_the_files_sees_that_a_pack_changed(tmp_path: Path) -> None:
    root = shop(tmp_path)
    before = state_of(root)
    (root / PATH).write_text(JP + "# seen\n", encoding="utf-8")
    assert state_of(root) != before


def test_the_plan_warns_where_a_pack_holds_back_less(tmp_path: Path) -> None:
    def told(first: str, then: str) -> list[str]:
        old = cut(load_workspace(shop(tmp_path, first)), "cart")
        new = cut(load_workspace(shop(tmp_path, then)), "cart")
        found = cautions(old, new, diff(old, new), Counted((), None, {}, {}, 0.2, {}))
        return [one.text for one in found if one.code == "law-loosened"]

    assert told("", JP) == ["people in JP are bound by the workspace's own pack, and no more by `default`"]
    assert told(JP, "") == ["the rule JP-consent is gone", "the rule JP-label is gone"]
    looser = JP.replace("{consent: always}", "{consent: always, imported: always}")
    assert told(JP, looser) == ["the rule JP-consent holds back less"]
    assert told(looser, JP) == []


def test_a_workspace_tightens_and_loosens_its_own_rules_in_its_policies_too(tmp_path: Path) -> None:
    root = shop(tmp_path)
    policies = root / "campaigns/policies.yaml"
    policies.write_text(
        '{"timezone": "Asia/Seoul", "jurisdictions": {"serves": ["JP"], "rules": [{"id": "JP-label", "off": true}]}}'
    )
    assert {one.code for one in look_through(root).problems if "policies" in one.path} == {"loosened-without-reason"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind: consent", "kind: consnt", "7:11: error[unknown-word]"),
        ("kind: consent", "kind: consnt", "did you mean `consent`?"),
        ("zone: Asia/Tokyo", "zone: Asia/Tokio", "4:7: error[unknown-zone] found the unknown time zone `Asia/Tokio`"),
        ("zone: Asia/Tokyo", "includes: [UE]", "4:12: error[unknown-pack] found the unknown pack `UE`"),
        ("id: JP-consent", "id: KR-consent", "found the rule `KR-consent` twice; kr.yaml has it already"),
        ("code: JP", "code: KR", "1:7: error[replaces-a-pack] found the code `KR`, for which a pack comes with dangol"),
        ("code: JP", "code: JQ", "error[file-name] found the pack `JQ` in `JP.yaml`"),
        ("zone: Asia/Tokyo", "includes: [EUU]", "4:12: error[bad-value] expected a code such as `KR`"),
        ("zone: Asia/Tokyo", "languages: [ko]", "found the language `ko` twice"),
        ("zone: Asia/Tokyo", "members: [FR]", "4:11: error[lets-out] found the member `FR`, whom the pack `EU` binds"),
        ("zone: Asia/Tokyo", "members: [CA]", "found the member `CA`, whom the pack `CA` binds"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_pack_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    found = errors(shop(tmp_path, JP.replace(old, new, 1)))
    assert any(told in str(one) for one in found), found
    assert all(one.path == PATH for one in found)


def test_nobody_is_let_out_of_the_pack_that_binds_them(tmp_path: Path) -> None:
    [found] = errors(shop(tmp_path, FR.replace("includes: [EU]", ""), "FR"))
    assert found.code == "lets-out"
    assert "add `includes: [EU]`" in str(found)
    release = compile_release(cut(load_workspace(shop(tmp_path, FR, "FR")), "cart"))
    bound = release.rulebook.law.place("FR").codes
    assert bound == ("FR", "EU")


def test_a_pack_that_cannot_be_read_binds_nobody_and_lets_nothing_run(tmp_path: Path) -> None:
    sources = {PATH: JP.replace("kind: label", "kind: lable")}
    assert readable_packs(sources).keys() == packs().keys()
    assert len(check_packs(sources)) == 1
    with pytest.raises(ProblemsFound, match=r"JP\.yaml"):
        packs_with(sources)


def test_where_dangol_learns_of_a_place_later_both_packs_bind() -> None:
    own = FR.replace("FR", "GB").replace("\nincludes: [EU]", "")
    known = packs_with({"campaigns/jurisdictions/GB.yaml": own})["GB"]
    assert {rule.id for rule in known.rules} == {rule.id for rule in packs()["GB"].rules} | {"GB-consent", "GB-label"}
    assert known.members == packs()["GB"].members


def test_reports_may_name_a_place_of_the_workspaces_own() -> None:
    assert "JP" not in known_places(packs())
    assert "JP" in known_places(packs_with({PATH: JP}))


def test_a_language_of_its_own_is_labelled_and_signed_as_the_pack_says(tmp_path: Path) -> None:
    root = shop(tmp_path, JP.replace("zone: Asia/Tokyo", "languages: [en]"))
    release = compile_release(cut(load_workspace(root), "cart"))
    context = {"profile": {"name": "Ann"}, "event": {}, "links": {"preferences": "https://x.example/p"}}
    assert release.messages.render("note", Channel.EMAIL, "en", context).subject == "[PR] A note"


def test_a_pack_is_no_campaign(tmp_path: Path) -> None:
    root = shop(tmp_path)
    scenarios = root / "campaigns/tests/JP.yaml"
    scenarios.parent.mkdir()
    scenarios.write_text("campaign: JP\nscenarios: []\n", encoding="utf-8")
    assert load_workspace(root).campaigns.keys() == {"cart"}
    assert any("JP" in str(one) for one in collect(root, load_workspace(root)).problems)
