"""What is wrong in a workspace: its files, its messages, what an editor has to say about them, and its rules of law.

Only those who check, plan or deploy load the editor; what runs campaigns does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from dangol.content.check import Sent, examine
from dangol.definitions.workspace import Workspace, read_what_can_be, survey
from dangol.editor.facts import FactTable
from dangol.editor.lawful import check_lawful
from dangol.editor.laws import check_laws
from dangol.editor.model import Send as Said
from dangol.editor.registry import RULES
from dangol.editor.review import Review, review
from dangol.jurisdictions import readable_packs
from dangol.model.fragmentation import Fragmentation
from dangol.model.jurisdiction import Pack
from dangol.model.problem import Problem
from dangol.model.steps import Send
from dangol.model.vocabulary import Channel
from dangol.model.workspace import Sms, TrackingPlan
from dangol.policy.law import Law


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: ``problems`` sorted by place, the fact table of each message, each campaign's number.

    ``left_out`` are notes about facts that one channel tells and another does not; mostly it is meant so.
    """

    problems: list[Problem]
    left_out: list[Problem] = field(default_factory=list)
    tables: tuple[FactTable, ...] = ()
    fragmentation: Mapping[str, Fragmentation] = field(default_factory=dict)


def check_workspace(root: Path, paths: Sequence[Path] = (), *, now: datetime | None = None) -> list[Problem]:
    """Everything that is wrong in a workspace, in all files at once, sorted by place; as ``look_through``."""
    return look_through(root, paths, now=now).problems


def look_through(root: Path, paths: Sequence[Path] = (), *, now: datetime | None = None) -> Checked:
    """Check a workspace: everything that is wrong in all files, and what its messages tell.

    ``paths`` keeps only what is found in these files or folders, and in the messages that campaigns among them send.
    What has gone by is told as of ``now``; without it nothing counts as gone by.
    Raises UsageError where there is no workspace.
    """
    workspace, problems = read_what_can_be(root, now=now)
    wanted = [path.resolve() for path in paths]

    def is_wanted(path: str) -> bool:
        return not wanted or any((root / path).resolve().is_relative_to(one) for one in wanted)

    if workspace is None:
        # What is wrong about laws is told with the rest of the file, once for each place.
        places = {(one.path, one.line, one.column) for one in problems}
        lawless = check_laws(survey(root)[0])
        problems = problems + [one for one in lawless if (one.path, one.line, one.column) not in places]
        return Checked(sorted({problem for problem in problems if is_wanted(problem.path)}))
    found, reviewed = review_texts(workspace)
    # A text that is not there is told where the campaign asks for it.
    problems = problems + [problem for problem in found if problem.code != "missing-text"]
    wanted += [root.resolve() / folder for folder in _sent_from(workspace, root, wanted)]
    asked = sorted({problem for problem in problems if is_wanted(problem.path)})
    return Checked(
        asked,
        [problem for problem in reviewed.left_out if is_wanted(problem.path)],
        tuple(table for table in reviewed.tables if is_wanted(f"templates/{table.template}")),
        {key: one for key, one in reviewed.fragmentation.items() if is_wanted(f"campaigns/{key}.yaml")},
    )


def _sent_from(workspace: Workspace, root: Path, paths: Sequence[Path]) -> set[str]:
    """The folders of the messages that campaigns in these files or folders send, and of their digests."""
    return {
        f"templates/{template}"
        for campaign in workspace.campaigns.values()
        if any((root / f"campaigns/{campaign.key}.yaml").resolve().is_relative_to(path) for path in paths)
        for template in [
            *(send.send for send in campaign.sends),
            *workspace.digest_templates(campaign.key).values(),
        ]
    }


def check_texts(workspace: Workspace) -> list[Problem]:
    """What is wrong in the workspace's messages, and what an editor has to say about them."""
    return review_texts(workspace)[0]


def review_texts(workspace: Workspace) -> tuple[list[Problem], Review]:
    """As ``check_texts``, with the editor's review. Everything is compiled once.

    The last few answers are kept: the same files are often asked about again, by a plan and then a deployment.
    """
    said = tuple(
        Said(
            placed.step.send,
            campaign.purpose,
            placed.step.every_channel,
            campaign.entry.opened_by,
            placed.stage,
            campaign.key,
        )
        for campaign in workspace.campaigns.values()
        for placed in campaign.placed
        if isinstance(placed.step, Send)
    )
    said += _said_in_digests(workspace)
    stages = frozenset(stage.key for stage in workspace.journey_map.stages)
    plan, locale = workspace.tracking_plan, workspace.policies.locale
    sms = workspace.policies.sms
    asked_of_law = workspace.policies.jurisdictions
    digests = frozenset(one.template for one in workspace.policies.digests.values())
    files = tuple(sorted(workspace.sources.items()))
    served = Law(readable_packs(workspace.sources), asked_of_law).served
    told = repr((plan, sms, asked_of_law))
    asked = _Asked(files, said, digests, told, locale, stages, sms, plan, served)
    problems, reviewed = _reviewed(asked)
    return sorted({*problems, *check_laws(workspace.sources), *check_lawful(workspace)}), reviewed


def _said_in_digests(workspace: Workspace) -> tuple[Said, ...]:
    """The texts of digests, as the campaigns send them whose messages wait for one."""
    sends = [
        (campaign, placed.stage, placed.step.digest)
        for campaign in workspace.campaigns.values()
        for placed in campaign.placed
        if isinstance(placed.step, Send)
    ]
    templates = {key: digest.template for key, digest in workspace.policies.digests.items()}
    return tuple(
        Said(templates[digest], campaign.purpose, (Channel.EMAIL,), None, stage, campaign.key)
        for campaign, stage, digest in sends
        if digest is not None and digest in templates
    )


def forget_reviews() -> None:
    """Let the next review read everything anew."""
    _reviewed.cache_clear()


@dataclass(frozen=True, slots=True)
class _Asked:
    """All that a review depends on."""

    sources: tuple[tuple[str, str], ...]
    said: tuple[Said, ...]
    digests: frozenset[str]
    of_plan_sms_and_law: str
    locale: str
    stages: frozenset[str]
    sms: Sms = field(compare=False)
    plan: TrackingPlan = field(compare=False)
    served: tuple[Pack, ...] = field(compare=False)


@lru_cache(maxsize=4)
def _reviewed(asked: _Asked) -> tuple[tuple[Problem, ...], Review]:
    sources = dict(asked.sources)
    examined = examine(
        sources,
        sends=sorted(
            {Sent(one.template, one.purpose, one.channels, one.event, one.stage) for one in asked.said}, key=repr
        ),
        plan=asked.plan,
        default_locale=asked.locale,
        sms=asked.sms,
        stages=asked.stages,
        rules=frozenset(RULES),
        served=asked.served,
        digest_texts=asked.digests,
    )
    problems = examined.problems
    found = review(sources, sends=asked.said, plan=asked.plan, default_locale=asked.locale, examined=examined)
    return tuple(sorted({*problems, *found.problems})), found
