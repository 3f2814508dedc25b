"""Following a child through its system calls: it is killed right before the n-th, or told that its disk failed.

The kernel's ptrace by ctypes, and not strace: strace counts the calls of each thread for itself, so that the n-th call
of a second thread is never reached where the first has as many; here one count goes over all threads. Linux only; to
put an error in place of a call, x86_64 only. Must not know what the child is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SYSCALL, _POKEUSER, _SEIZE, _INTERRUPT, _CALL_INFO = 24, 6, 0x4206, 0x4207, 0x420E
_OPTIONS = 0x1 | 0x8 | 0x100000  # mark system call stops, follow new threads, kill the child if we die
_EVERY_THREAD = 0x40000000  # __WALL
_ENTRY, _EXIT = 1, 2
_ORIG_RAX, _RAX = 15 * 8, 10 * 8  # offsets in x86_64's struct user
_NUMBERS = {
    "x86_64": "write 1 close 3 pwrite64 18 writev 20 connect 42 sendto 44 recvfrom 45 sendmsg 46 recvmsg 47 "
    "shutdown 48 fsync 74 fdatasync 75 ftruncate 77 rename 82 mkdir 83 unlink 87 openat 257 unlinkat 263 renameat 264",
    "aarch64": "mkdirat 34 unlinkat 35 renameat 38 ftruncate 46 openat 56 close 57 write 64 writev 66 pwrite64 68 "
    "fsync 82 fdatasync 83 connect 203 sendto 206 recvfrom 207 shutdown 210 sendmsg 211 recvmsg 212",
}
_WORDS = _NUMBERS.get(platform.machine(), "").split()
NAMES = {int(number): name for name, number in zip(_WORDS[::2], _WORDS[1::2], strict=True)}
ALL = frozenset(NAMES.values())
DISK = frozenset({"pwrite64", "fsync", "fdatasync"})

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class TracingError(Exception):
    """This machine does not let a process be followed."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What befalls the child at its `at`-th call of `names` (0: nothing, they are counted).

    Without `error` (a number of errno) it is killed before the call; with it, this call fails, and so do those after it
    for `lasting` seconds. Opening files is counted only where the path holds `under`.
    """

    at: int = 0
    names: frozenset[str] = ALL
    error: int = 0
    lasting: float = 0.0
    under: str = "/state/"


@dataclass(slots=True)
class Seen:
    """What came of a child: its wait status, the calls that were counted, and those at which something befell it.

    `struck` is the name of the first such call; `first` and `last` are when the first and the last were, monotonic.
    """

    status: int = 0
    count: int = 0
    struck: str | None = None
    times: int = 0
    first: float = 0.0
    last: float = 0.0
    failing: dict[int, bool] = field(default_factory=dict)


def refused() -> str | None:
    """Return why no process can be followed here, or None."""
    return None if NAMES else f"no table of system calls for {platform.machine()} (campaign/tracing.py)"


def follow(child: int, aim: Aim, release: Callable[[], None]) -> Seen:
    """Follow a child of this thread, which waits for `release`, until it has ended."""
    if aim.error and platform.machine() != "x86_64":
        raise TracingError(f"errors of the disk can be made on x86_64 only, not on {platform.machine()}")
    _ptrace(_SEIZE, child, 0, _OPTIONS)
    _ptrace(_INTERRUPT, child)
    release()
    seen = Seen()
    while True:
        thread, status = os.waitpid(-1, _EVERY_THREAD)
        if not os.WIFSTOPPED(status):
            if thread == child:
                seen.status = status
                return seen
            continue
        stop, event = os.WSTOPSIG(status), status >> 16
        if stop == signal.SIGTRAP | 0x80:
            if _at_call(child, thread, aim, seen):
                continue
            stop = 0
        _go_on(thread, 0 if event else stop)


def _at_call(child: int, thread: int, aim: Aim, seen: Seen) -> bool:
    """Look at a call that begins or ends; True when the child was killed at it."""
    info = ctypes.create_string_buffer(88)
    try:
        _ptrace(_CALL_INFO, thread, 88, ctypes.addressof(info))
    except ProcessLookupError:
        return True
    kind = info.raw[0]
    if kind == _EXIT and seen.failing.pop(thread, False):
        _ptrace(_POKEUSER, thread, _RAX, -aim.error)
    if kind != _ENTRY:
        return False
    number, _, path = struct.unpack_from("<3Q", info.raw, 24)
    name = NAMES.get(number)
    if name is None or name not in aim.names or (name == "openat" and aim.under not in _text(thread, path)):
        return False
    seen.count += 1
    now = time.monotonic()
    if seen.count != aim.at and not (seen.times and now < seen.first + aim.lasting):
        return False
    seen.struck, seen.times, seen.first, seen.last = seen.struck or name, seen.times + 1, seen.first or now, now
    if aim.error:
        _ptrace(_POKEUSER, thread, _ORIG_RAX, -1)
        seen.failing[thread] = True
        return False
    os.kill(child, signal.SIGKILL)
    return True


def _text(thread: int, address: int) -> str:
    try:
        descriptor = os.open(f"/proc/{thread}/mem", os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.pread(descriptor, 300, address).partition(b"\0")[0].decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _go_on(thread: int, stop: int) -> None:
    try:
        _ptrace(_SYSCALL, thread, 0, stop)
    except ProcessLookupError:
        return  # it was killed meanwhile: its end is reported next


def _ptrace(request: int, thread: int, address: int = 0, data: int = 0) -> None:
    mask = 2**64 - 1
    if _libc.ptrace(request, thread, address & mask, data & mask) < 0:
        number = ctypes.get_errno()
        if number == errno.ESRCH:
            raise ProcessLookupError(number, os.strerror(number))
        raise TracingError(f"ptrace: {os.strerror(number)}: this machine does not let a process be followed")
