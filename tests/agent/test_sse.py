"""The decoder against a slow reference written from the WHATWG text, cut in every way, and its caps."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.sse import Decoder, Payload

ALPHABET = [
    *(b"\r", b"\n", b"\r\n", b"\n\n", b"data:", b"data", b"data: ", b"event: ", b"id: 1", b"retry: 5", b":", b" "),
    *(b"x", b"{}", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\x85", b"\x0b", b"\x0c", b"\xff", b"\xe2"),
]
STREAMS = st.lists(st.sampled_from(ALPHABET), max_size=60).map(b"".join)


def reference(stream: bytes) -> list[Payload]:
    """Read a whole stream byte by byte, as the standard words it."""
    lines, line, position = [], bytearray(), 0
    while position < len(stream):
        byte = stream[position : position + 1]
        if byte in (b"\r", b"\n"):
            if byte == b"\r" and stream[position + 1 : position + 2] == b"\n":
                position += 1
            lines.append(bytes(line))
            line.clear()
        else:
            line += byte
        position += 1
    if lines and lines[0].startswith(b"\xef\xbb\xbf"):
        lines[0] = lines[0][3:]
    events, buffer, name = [], b"", ""
    for each in lines:
        if each == b"":
            if buffer:
                text = buffer[:-1]
                try:
                    events.append(Payload(text.decode(), name))
                except UnicodeDecodeError:
                    parts = [part.decode(errors="replace") for part in text.split(b"\n")]
                    events.append(Payload("\n".join(parts), name, damaged=True))
            buffer, name = b"", ""
            continue
        field, value = each.split(b":", 1) if b":" in each else (each, b"")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            buffer += value + b"\n"
        elif field == b"event":
            name = value.decode(errors="replace")
    return events


@settings(deadline=None, max_examples=400)
@given(STREAMS)
def test_the_decoder_reads_what_the_standard_says(stream: bytes) -> None:
    assert Decoder().feed(stream) == reference(stream)


@settings(deadline=None, max_examples=400)
@given(STREAMS, st.lists(st.integers(0, 120), max_size=20))
def test_the_same_bytes_give_the_same_events_however_they_are_cut(stream: bytes, cuts: list[int]) -> None:
    whole = Decoder(event_bytes=40, stream_bytes=100, events=4)
    expected = whole.feed(stream)
    marks = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = Decoder(event_bytes=40, stream_bytes=100, events=4)
    found = [event for start, end in pairwise(marks) for event in pieces.feed(stream[start:end])]
    single = Decoder(event_bytes=40, stream_bytes=100, events=4)
    bytewise = [event for byte in stream for event in single.feed(bytes([byte]))]
    assert found == bytewise == expected
    assert bool(pieces.exceeded) == bool(single.exceeded) == bool(whole.exceeded)


def test_separators_that_python_would_split_at_stay_inside_the_data() -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf"
    assert Decoder().feed(f"data: {text}\n\n".encode()) == [Payload(text)]


def test_a_line_feed_that_follows_a_carriage_return_in_the_next_chunk_ends_no_second_line() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\ndata: b\r\n\r") == [Payload("a\nb")]
    assert decoder.feed(b"\ndata: c\n\n") == [Payload("c")]


def test_an_event_without_its_blank_line_is_not_an_event() -> None:
    assert Decoder().feed(b"data: {}\n") == []


def an_event_too_long(decoder: Decoder) -> None:
    assert decoder.feed(b"data: " + b"x" * 50) == []


def many_short_data_lines(decoder: Decoder) -> None:
    assert decoder.feed(b"data: xxxx\n" * 12) == []


def a_stream_too_long(decoder: Decoder) -> None:
    assert decoder.feed(b": comment\n" * 30) == []


def too_many_events(decoder: Decoder) -> None:
    assert len(decoder.feed(b"data\n\n" * 20)) == 5


@pytest.mark.parametrize("overdo", [an_event_too_long, many_short_data_lines, a_stream_too_long, too_many_events])
def test_beyond_a_cap_nothing_more_is_read(overdo) -> None:
    decoder = Decoder(event_bytes=40, stream_bytes=200, events=5)
    overdo(decoder)
    assert decoder.exceeded
    assert decoder.feed(b"\n\ndata: late\n\n") == []


def test_time_is_linear_in_the_length_of_one_event() -> None:
    def cost(size: int) -> float:
        decoder, chunk = Decoder(event_bytes=1 << 30, stream_bytes=1 << 30), b"x" * 1_000
        began = time.process_time()
        decoder.feed(b"data: ")
        for _ in range(size // 1_000):
            decoder.feed(chunk)
        decoder.feed(b"\n\n")
        return time.process_time() - began

    small = min(cost(2_000_000) for _ in range(3))
    assert (
        min(cost(8_000_000) for _ in range(2)) < 12 * small + 0.2
    )  # a rescan of the buffer would be 16 times and more
