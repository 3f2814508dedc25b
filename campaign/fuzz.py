"""Part `fuzz`: mutated streams against the decoder and the events (reliability.md T6, rows 44-66).

For each stream: whole, in random pieces and byte by byte it gives the same events, those of the slow reader in
`whatwg`; no event raises; past a cap nothing comes but a beginning of the same events. Every 10,000th case is
also a flood of 6 MiB, of which the decoder may not hold more than `HELD`.
"""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from campaign import whatwg
from campaign.part import Check, Tally, Violation, chance, smallest
from campaign.streams import recorded
from monitor.agent import events
from monitor.agent.sse import Decoder, Payload

FLOOD = 6 * 1024 * 1024
HELD = 128 * 1024 * 1024  # an event of 4 MiB in lines of two characters is 1.4 million Python strings
PIECE = 64 * 1024
EVERY = 10_000  # cases for one flood
LONGEST = 4_096  # bytes of a mutated stream
_TOKENS = (
    *(b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\n\r", b"data:", b"data", b"data: ", b"event: COMPLETE\n", b"id: 1"),
    *(b"retry: 5", b":", b": x\n", b" ", b"\x00", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c"),
    *(b"\xff", b"\xe2", b"\xf0\x9f", b"\xed\xa0\x80", b"\\ud800", b"NaN", b"1e999", b"-Infinity", b"[" * 70, b'"' * 3),
    *(b"{}", b"null", b"9" * 400, b'{"type":"COMPLETE","status":"COMPLETED","result":{}}', b'"type":"COMPLETE",'),
    *(b'{"type":"STARTED","run_id":"../x"}', b'"run_id":7,', b'"error":[],', b'"error":{"retry_after":"x"},'),
)


@dataclass
class Fuzz:
    """Case n is a stream drawn from (seed, n); `decoder` and `event` are what is tested."""

    name: str = "fuzz"
    title: str = "mutated SSE streams against the decoder and the events"
    proves: str = "rows 44-66"
    size: int = 100_000
    least: int = 200
    chunk: int = 500
    subject: tuple[str, ...] = (
        "monitor/agent/sse.py", "monitor/agent/events.py", "monitor/agent/wire.py",
        "campaign/fuzz.py", "campaign/whatwg.py", "campaign/streams.py",
    )  # fmt: skip
    decoder: Callable[..., Decoder] = Decoder
    event: Callable[[Payload], object] = events.event

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Nothing is to be opened."""
        bodies = [stream.body for stream in recorded()]

        def check(numbers: Sequence[int], tally: Tally) -> None:
            for number in numbers:
                draw = chance(seed, self.name, number)
                self._one(number, mutated(bodies, draw), draw, tally)
                if number % EVERY == 1:  # not 0: a sample of round numbers would draw every flood
                    self._flood(number, tally)

        yield check

    def _one(self, number: int, stream: bytes, draw: random.Random, tally: Tally) -> None:
        pieces = draw.randrange(1 << 30)
        what = self._wrong(stream, pieces)
        if what is not None:
            least = smallest(stream, lambda candidate: self._wrong(candidate, pieces) is not None)
            raise Violation(number, what, f"{least!r}: {self._wrong(least, pieces)}")
        tally.add("streams")
        tally.add("bytes", len(stream))
        tally.add("events", len(whatwg.read(stream)))
        tally.peak("longest stream, bytes", len(stream))

    def _wrong(self, stream: bytes, pieces: int) -> str | None:
        """Return what a stream shows to be wrong, or None."""
        try:
            whole = self.decoder().feed(stream)
            said = [(each.data, each.name, each.damaged) for each in whole]
            if said != (meant := whatwg.read(stream)):
                return f"the decoder read {said!r:.300}, the standard says {meant!r:.300}"
            return self._cut_otherwise(stream, pieces, whole) or self._read(whole)
        except Exception as error:  # noqa: BLE001 - that nothing is raised is what is tested
            return f"{type(error).__name__}: {error!s:.200}"

    def _cut_otherwise(self, stream: bytes, pieces: int, whole: list[Payload]) -> str | None:
        draw = random.Random(pieces)  # noqa: S311 - repeatable on purpose
        caps = {"event_bytes": draw.choice([20, 200, 2_000]), "stream_bytes": draw.choice([100, 1_000, 10_000])}
        caps["events"] = draw.choice([1, 5, 50])
        cuts = sorted(draw.randrange(len(stream) + 1) for _ in range(draw.randrange(1, 12)))
        ways = [[stream], _cut(stream, cuts), [stream[at : at + 1] for at in range(len(stream))]]
        for limits in ({}, caps):
            ends = []
            for way in ways:
                decoder = self.decoder(**limits)
                ends.append(([event for piece in way for event in decoder.feed(piece)], bool(decoder.exceeded)))
            if not ends[0] == ends[1] == ends[2]:
                return f"cut at {cuts}, or at every byte, other events come (caps {limits})"
            if ends[0][0] != whole[: len(ends[0][0])] or (ends[0][0] != whole and not ends[0][1]):
                return f"under caps {limits} other events come than the first of the stream"
        said = [event for event in ends[0][0] if not event.damaged]
        if len(ends[0][0]) > caps["events"] or any(len(event.data.encode()) > caps["event_bytes"] for event in said):
            return f"more comes than the caps {caps} allow"
        return None

    def _read(self, whole: list[Payload]) -> str | None:
        for payload in whole:
            found = self.event(payload)
            if isinstance(found, events.Complete) and found.raw != json.loads(payload.data):
                return f"COMPLETE was read as {found.raw!r:.200}"
            if not isinstance(found, events.WireEvent):
                return f"{payload.data!r:.100} was read as {found!r:.100}"
        return None

    def _flood(self, number: int, tally: Tally) -> None:
        """Send 6 MiB of one kind and see what the decoder holds of it."""
        name, piece = _FLOODS[number // EVERY % len(_FLOODS)]
        decoder, held = self.decoder(stream_bytes=FLOOD - 2 * PIECE), 0
        tracemalloc.start()
        try:
            for _ in range(FLOOD // len(piece)):
                decoder.feed(piece)
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        if held > HELD or not decoder.exceeded:
            raise Violation(number, f"a flood of {name} made the decoder hold {held} bytes", f"{piece[:40]!r} repeated")
        tally.add("floods of 6 MiB")
        tally.peak("most memory held in a flood, MiB", held / 2**20)


def _repeated(text: bytes) -> bytes:
    return text * (PIECE // len(text))


_FLOODS = (
    ("one endless line", _repeated(b"x")),
    ("one endless line of data", b"data:" + _repeated(b"x")),
    ("short lines of data", _repeated(b"data: x\n")),
    ("lines of two characters", _repeated(b"data:xy\n")),
    ("empty lines of data", _repeated(b"data\n")),
    ("comments", _repeated(b": beat\n")),
    ("small events", _repeated(b"data: {}\n\n")),
    ("large events", b"data: " + _repeated(b"x") + b"\n\n"),
    ("names", b"event: " + _repeated(b"x") + b"\n"),
    ("blank lines", _repeated(b"\r\n")),
)


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *cuts, len(stream)]
    return [stream[begin:end] for begin, end in pairwise(marks)]


def mutated(bodies: Sequence[bytes], draw: random.Random) -> bytes:
    """Return a recorded stream after one to ten mutations."""
    stream = bytearray(draw.choice(bodies))
    if draw.random() < 0.5:
        start = draw.randrange(len(stream))
        stream = stream[start : start + draw.randrange(40, 400)]
    for _ in range(draw.randrange(1, 11)):
        at = draw.randrange(len(stream) + 1)
        match draw.randrange(8):
            case 0:
                stream[at:at] = draw.choice(_TOKENS)
            case 1:
                stream[at:at] = draw.choice(_TOKENS) * draw.randrange(1, 12)
            case 2:
                del stream[at : at + draw.randrange(1, 40)]
            case 3:
                stream[at:at] = stream[at : at + draw.randrange(1, 120)]
            case 4 if stream:
                stream[at % len(stream)] = draw.randrange(256)
            case 5:
                other = draw.choice(bodies)
                begin = draw.randrange(len(other))
                stream[at:at] = other[begin : begin + draw.randrange(1, 200)]
            case 6:
                stream = stream.replace(b"\n", draw.choice([b"\r", b"\r\n", b"\n\n", b" \n"]), draw.randrange(1, 8))
            case _:
                stream[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(stream[:LONGEST])
