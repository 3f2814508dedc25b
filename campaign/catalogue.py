"""The parts of the campaign, by name, in the order in which they run."""

from __future__ import annotations

from campaign.cron import Cron
from campaign.cuts import Cuts
from campaign.disk import Disk
from campaign.fuzz import Fuzz
from campaign.judge import Judge
from campaign.kills import Kills
from campaign.mutants import Mutants
from campaign.part import Part
from campaign.sdk import Sdk
from campaign.syscalls import Syscalls
from campaign.tracker import Trackers

GROUPS = {"models": ("tracker", "judge"), "crashes": ("syscalls", "disk", "kills")}  # a name for several parts


def parts() -> dict[str, Part]:
    """Return every part under its name."""
    every: list[Part] = [Cuts(), Fuzz(), Trackers(), Judge(), Cron(), Sdk(), Syscalls(), Disk(), Kills(), Mutants()]
    return {part.name: part for part in every}
