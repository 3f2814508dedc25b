"""A store on a file system of the network is warned of (reliability.md R2)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.store import filesystem

MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/root rw
40 22 0:44 / /mnt/team\\040share rw shared:9 master:2 - nfs4 server:/export rw,vers=4.2
41 22 0:45 / /mnt/away rw - fuse.sshfs me@host: rw
42 22 0:45 / /mnt/over rw - fuse.sshfs me@host: rw
43 22 0:46 / /tmp rw shared:3 - tmpfs tmpfs rw
broken line
"""


@pytest.mark.parametrize(
    ("major", "minor", "kind"),
    [(254, 1, "ext4"), (0, 44, "nfs4"), (0, 45, "fuse.sshfs"), (0, 46, "tmpfs"), (9, 9, None)],
)
def test_the_type_is_found_by_the_device(major: int, minor: int, kind: str | None) -> None:
    assert filesystem.type_of(os.makedev(major, minor), MOUNTS) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ext4", "fuse.fuse-overlayfs"])
def test_network_file_systems_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """R2: network file systems are warned of."""
    device = tmp_path.stat().st_dev
    table = tmp_path / "mountinfo"
    table.write_text(f"22 1 {os.major(device)}:{os.minor(device)} / / rw - {kind} x rw\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", table)
    said = filesystem.filesystem_warning(tmp_path / "not" / "there" / "monitor.db")
    if kind in {"ext4", "fuse.fuse-overlayfs"}:
        assert said is None
    else:
        assert said is not None
        assert kind in said
        assert "\n" not in said


def test_nothing_is_said_where_nothing_can_be_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert filesystem.filesystem_warning(tmp_path) is None  # as it really is here
    monkeypatch.setattr(filesystem, "_MOUNTS", tmp_path / "none")
    assert filesystem.filesystem_warning(tmp_path) is None
