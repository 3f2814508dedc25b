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

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Payload:
    """The data of one event; `name` is its `event:` field. `damaged`: the bytes were not UTF-8 and were replaced."""

    data: str
    name: str = ""
    damaged: bool = False


class Decoder:
    """Turns chunks, cut anywhere, into events; the same bytes give the same events however they are cut.

    Memory is bounded by the caps and time is linear. Past a cap, `exceeded` says which one and nothing more comes.
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
        self._data: list[str] = []
        self._data_bytes = 0
        self._name = ""
        self._damaged = False

    def feed(self, chunk: bytes) -> list[Payload]:
        """Return the events that `chunk` completes."""
        if self.exceeded:
            return []
        room = self._stream_bytes - self._seen
        self._seen += len(chunk)
        events = self._read(chunk[:room] if len(chunk) > room else chunk)
        if self._seen > self._stream_bytes and not self.exceeded:
            self.exceeded = f"the stream is longer than {self._stream_bytes} bytes"
        return events

    def _read(self, chunk: bytes) -> list[Payload]:
        events: list[Payload] = []
        start = 1 if self._after_cr and chunk[:1] == b"\n" else 0
        self._after_cr = self._after_cr and not chunk
        for end in _LINE_END.finditer(chunk, start):
            self._line += chunk[start : end.start()]
            start = end.end()
            self._after_cr = end.group() == b"\r" and start == len(chunk)
            event = self._end_of_line()
            if event is not None:
                events.append(event)
            if self.exceeded:
                return events
        self._line += chunk[start:]
        self._within_event()
        return events

    def _within_event(self) -> bool:
        if self._data_bytes + len(self._line) > self._event_bytes:
            self.exceeded = f"an event is longer than {self._event_bytes} bytes"
        return self.exceeded is None

    def _end_of_line(self) -> Payload | None:
        if not self._within_event():
            return None
        line = bytes(self._line)
        self._line.clear()
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        self._field(line)
        return None

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data_bytes += len(value) + 1
            self._data.append(self._text(value))
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")

    def _text(self, value: bytes) -> str:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            self._damaged = True
            return value.decode("utf-8", "replace")

    def _dispatch(self) -> Payload | None:
        data, name, damaged = self._data, self._name, self._damaged
        self._data, self._data_bytes, self._name, self._damaged = [], 0, "", False
        if not data:
            return None
        self._count += 1
        if self._count > self._events:
            self.exceeded = f"the stream has more than {self._events} events"
            return None
        return Payload("\n".join(data), name, damaged)
