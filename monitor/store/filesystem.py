"""What kind of file system the store lies on: SQLite's locks do not hold on most of those that other machines share.

By the name that the mount table gives, since `statfs` calls every FUSE file system the same. Linux only; elsewhere
nothing is said. Must not know what is stored.
"""

from __future__ import annotations

import os
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_SHARED = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "smb", "ncpfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs",
    "glusterfs", "ocfs2", "gfs2", "davfs", "vboxsf", "vmhgfs", "prl_fs", "virtiofs", "osxfs", "grpcfuse",
    "sshfs", "s3fs", "rclone", "gcsfuse", "mergerfs", "unionfs", "goofys", "juicefs", "mfs", "moosefs",
}  # fmt: skip


def filesystem_warning(path: Path) -> str | None:
    """Return why a store should not lie there, as one line; None on a local file system (reliability.md R2).

    `path` need not exist yet: the nearest folder that does is looked at. Raises nothing: what cannot be found out is no
    warning.
    """
    try:
        found = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
        device, table = os.stat(found).st_dev, _MOUNTS.read_text(errors="replace")  # noqa: PTH116 - one call for both
    except OSError:
        return None
    kind = type_of(device, table)
    if kind is None or kind.removeprefix("fuse.") not in _SHARED:
        return None
    return (
        f"{path} lies on {kind}, a network or shared file system: SQLite's locks do not hold there and the store "
        "can be damaged; keep it on a local disk (--workspace DIR, or MONITOR_STATE=PATH)"
    )


def type_of(device: int, mounts: str) -> str | None:
    """Return the type of the file system with a device number, from the text of `/proc/self/mountinfo`."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in reversed(mounts.splitlines()):  # what was mounted last lies on top
        fields, _, rest = line.partition(" - ")
        if fields.split()[2:3] == [number]:
            return rest.split(" ", 1)[0] or None
    return None
