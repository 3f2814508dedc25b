"""A decoder of server-sent events over bytes: chunks in, events out, no I/O.

Owns lines, fields and caps, by the WHATWG text: lines end at CR, LF or CRLF and nowhere else. (httpx's
`iter_lines` also splits at U+2028, U+2029 and U+0085, which are legal inside JSON: a paid result is lost.)
Must not know JSON or runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

EVENT_BYTES = 4 * 1024 * 1024
STREAM_BYTES = 32 * 1024 * 1024
EVENTS = 20_000

_BLOCK = 64 * 1024  # bytes that are looked at together: what a block needs beside itself stays small

# Inside a text whose lines end at LF only, and that begins with one, so that every line stands after one.
_DATA = re.compile(rb"\ndata(?=[:\n])")
_NOT_DATA = re.compile(rb"\n(?!data(?:[:\n]|\Z))[^\n]+")
_LAST_NAME = re.compile(rb"(?s:.*)\nevent(?::([^\n]*))?(?=\n)")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Payload:
    """The data of one event; `name` is its `event:` field. `damaged`: the bytes were not UTF-8 and were replaced."""

    data: str
    name: str = ""
    damaged: bool = False


class Decoder:
    """Turns chunks, cut anywhere, into events; the same bytes give the same events however they are cut.

    Memory is bounded by the caps (an event is kept as its bytes) and time is linear; no line costs a step of its own,
    but where an event comes near its cap. Past a cap, `exceeded` says which one and nothing more comes.
    """

    def __init__(
        self, *, event_bytes: int = EVENT_BYTES, stream_bytes: int = STREAM_BYTES, events: int = EVENTS
    ) -> None:
        self.exceeded: str | None = None
        self._event_bytes, self._stream_bytes, self._events = event_bytes, stream_bytes, events
        self._seen = 0
        self._count = 0
        self._line = bytearray()  # the line that has no end yet: appended to, never scanned again
        self._after_cr = False  # the last line ended with a CR at the end of a chunk: a LF that follows belongs to it
        self._first_line = True
        self._data = bytearray()  # of the event that is being gathered, each line with a LF
        self._name = ""

    def feed(self, chunk: bytes) -> list[Payload]:
        """Return the events that `chunk` completes."""
        events: list[Payload] = []
        room = self._stream_bytes - self._seen
        for start in range(0, min(len(chunk), room), _BLOCK):
            if not self.exceeded:
                self._read(chunk[start : min(start + _BLOCK, room)], events)
        if not self.exceeded:
            self._seen += len(chunk)
            if self._seen > self._stream_bytes:
                self.exceeded = f"the stream is longer than {self._stream_bytes} bytes"
        return events

    def _read(self, block: bytes, events: list[Payload]) -> None:
        """Add the events that `block`, which is not empty, completes."""
        start = 1 if self._after_cr and block[0] == 10 else 0
        self._after_cr = block[-1] == 13
        whole = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1  # where the last line begins, which has no end yet
        if whole > start:
            lines = (self._line + block[start:whole]).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            self._line.clear()
            self._whole_lines(self._without_mark(b"\n" + lines), events)
            start = whole
        if not self.exceeded:
            self._line += block[start:]
            self._within_event(len(self._line))

    def _without_mark(self, text: bytes) -> bytes:
        if not self._first_line:
            return text
        self._first_line = False
        self._within_event(text.index(b"\n", 1) - 1)
        return b"\n" + text[1:].removeprefix(_BOM)

    def _whole_lines(self, text: bytes, events: list[Payload]) -> None:
        """Add the events that `text` completes: a LF, and lines that each end with one."""
        at = 0  # of the LF before the line that is next
        while at < len(text) - 1 and not self.exceeded:
            if not self._data:
                found = _DATA.search(text, at)
                stop = len(text) - 1 if found is None else found.start()
                self._idle(text[at : stop + 1])
                at = stop
                if found is None or self.exceeded:
                    return
            blank = text.find(b"\n\n", at)
            self._gather(text[at:] if blank < 0 else text[at : blank + 1])
            if blank < 0 or self.exceeded:
                return
            at = blank + 1
            event = self._dispatch()
            if event is not None:
                events.append(event)

    def _idle(self, lines: bytes) -> None:
        """Take note of lines without data: of the name that the last of them gives, unless a blank one follows it."""
        if len(lines) - 2 > self._event_bytes and not self._within_event(max(map(len, lines.split(b"\n")))):
            return
        last = _LAST_NAME.match(lines) if b"\nevent" in lines else None
        if lines.find(b"\n\n", last.end() if last else 0) >= 0:
            self._name = ""
        elif last:
            self._name = _name(last)

    def _gather(self, lines: bytes) -> None:
        """Add lines without a blank one to the event in hand."""
        kept = _NOT_DATA.sub(b"", lines[:-1])
        longest = len(lines) - 2
        if len(self._data) + len(kept) + longest > self._event_bytes:
            longest = max(map(len, lines.split(b"\n")))
        if len(self._data) + len(kept) + longest > self._event_bytes and not self._one_by_one(lines):
            return
        # No value holds a CR, so that it can stand for the beginning of those that were cut off already.
        values = kept.replace(b"\ndata: ", b"\r").replace(b"\ndata:", b"\r").replace(b"\ndata", b"\r")
        if values:
            self._data += values.replace(b"\r", b"\n")[1:]
            self._data += b"\n"
        last = _LAST_NAME.match(lines) if b"\nevent" in lines else None
        if last:
            self._name = _name(last)

    def _one_by_one(self, lines: bytes) -> bool:
        """Return whether each line of an event is within the cap when it comes."""
        size = len(self._data)
        for line in lines[1:-1].split(b"\n"):
            if size + len(line) > self._event_bytes:
                return self._within_event(self._event_bytes + 1)
            name, _, value = line.partition(b":")
            if name == b"data":
                size += len(value.removeprefix(b" ")) + 1
        return True

    def _within_event(self, line: int) -> bool:
        if len(self._data) + line > self._event_bytes:
            self.exceeded = f"an event is longer than {self._event_bytes} bytes"
        return self.exceeded is None

    def _dispatch(self) -> Payload | None:
        name, self._name = self._name, ""
        if not self._data:
            return None
        data, self._data = self._data, bytearray()
        self._count += 1
        if self._count > self._events:
            self.exceeded = f"the stream has more than {self._events} events"
            return None
        del data[-1]
        try:
            return Payload(data.decode("utf-8"), name)
        except UnicodeDecodeError:  # a LF ends a cut character as the end of a line does: line by line it is the same
            return Payload(data.decode("utf-8", "replace"), name, damaged=True)


def _name(field: re.Match[bytes]) -> str:
    return (field[1] or b"").removeprefix(b" ").decode("utf-8", "replace")
