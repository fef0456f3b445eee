"""Checks that look across files: does what a campaign names exist, and can every step be reached?"""

from dangol.definitions.checks.campaign import check_campaign, check_keys
from dangol.definitions.checks.chains import check_chains
from dangol.definitions.checks.flow import MAX_STEPS
from dangol.definitions.checks.names import Names
from dangol.definitions.checks.restraint import closed_caps
from dangol.definitions.checks.shared import check_journey_map, check_policies, check_segments

__all__ = [
    "MAX_STEPS",
    "Names",
    "check_campaign",
    "check_chains",
    "check_journey_map",
    "check_keys",
    "check_policies",
    "check_segments",
    "closed_caps",
]
