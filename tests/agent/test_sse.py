"""The decoder against a slow reference written from the WHATWG text, cut in every way, and its caps."""

from __future__ import annotations

import sys
import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign import whatwg
from monitor.agent import sse
from monitor.agent.sse import EVENT_BYTES, Decoder, Payload

ALPHABET = [
    *(b"\r", b"\n", b"\r\n", b"\n\n", b"data:", b"data", b"data: ", b"event: ", b"id: 1", b"retry: 5", b":", b" "),
    *(b"d", b"e", b"datax", b"event", b"\n\ndata", b"\n:\n", b"x\r"),
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


@settings(deadline=None, max_examples=400)
@given(STREAMS, st.integers(1, 9))
def test_where_a_stream_is_cut_into_blocks_changes_nothing(stream: bytes, size: int) -> None:
    whole, small = Decoder(event_bytes=40, events=4), Decoder(event_bytes=40, events=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sse, "_BLOCK", size)
        found = small.feed(stream)
    assert found == whole.feed(stream)
    assert small.exceeded == whole.exceeded


@settings(deadline=None, max_examples=400)
@given(STREAMS)
def test_a_reader_that_shares_nothing_with_ours_reads_the_same(stream: bytes) -> None:
    assert [(each.data, each.name, each.damaged) for each in Decoder().feed(stream)] == whatwg.read(stream)


@pytest.mark.parametrize("cut", [b"\xe2\x82", b"\xf0\x9f\x98", b"\xff", b"\xed\xa0\x80"])
def test_a_character_that_is_cut_by_the_end_of_a_line_is_damaged_and_takes_nothing_of_the_next(cut: bytes) -> None:
    (found,) = Decoder().feed(b"data: a" + cut + b"\ndata: \x82b\n\ndata: c")
    assert found == Payload("a" + cut.decode(errors="replace") + "\n\ufffdb", damaged=True)
    names = Decoder().feed(b"event: \xff\ndata: a\n\n")
    assert names == [Payload("a", "\ufffd")]  # only what is wrong in the data is damage


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


@pytest.mark.parametrize("line", [b"data:xy\n", b"data\n", b"data: x\r\n"])
def test_many_short_lines_of_data_cost_no_more_memory_than_their_event(line: bytes) -> None:
    """F3: the lines of an event are kept as its bytes, not each as an object of its own."""
    decoder, chunk = Decoder(event_bytes=400_000), line * (8_192 // len(line))
    tracemalloc.start()
    try:
        while not decoder.exceeded:
            decoder.feed(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def blank_lines() -> tuple[bytes, bytes]:
    return b"", b"\n"


def blank_lines_in_pairs() -> tuple[bytes, bytes]:
    return b"", b"\r\n"


def comments() -> tuple[bytes, bytes]:
    return b"", b":\n"


def comments_inside_an_event() -> tuple[bytes, bytes]:
    return b"data: x\n", b":\n"


def comments_close_to_the_cap() -> tuple[bytes, bytes]:
    return b"data: " + b"x" * (EVENT_BYTES - 10) + b"\n", b":\n"


def lines_of_one_byte() -> tuple[bytes, bytes]:
    return b"", b"x\n"


def names() -> tuple[bytes, bytes]:
    return b"", b"event: a\n"


def names_that_a_blank_line_takes_back() -> tuple[bytes, bytes]:
    return b"", b"event:a\r\n\r\n"


def names_inside_an_event() -> tuple[bytes, bytes]:
    return b"data: x\n", b"event\n"


def lines_that_only_look_like_names() -> tuple[bytes, bytes]:
    return b"data: x\n", b"eventx\n"


def data_without_a_byte() -> tuple[bytes, bytes]:
    return b"", b"data\n"


def data_and_names_by_turns() -> tuple[bytes, bytes]:
    return b"", b"data:\nevent:a\n"


@pytest.mark.parametrize(
    "flood",
    [
        *(blank_lines, blank_lines_in_pairs, comments, lines_of_one_byte),
        *(comments_inside_an_event, comments_close_to_the_cap),
        *(names, names_that_a_blank_line_takes_back, names_inside_an_event, lines_that_only_look_like_names),
        *(data_without_a_byte, data_and_names_by_turns),
    ],
)
def test_no_kind_of_line_costs_a_step_each(flood) -> None:
    """F4: what Python does is counted, not timed: calls for each block, not for each line."""
    first, line = flood()
    decoder, block = Decoder(), line * (65_536 // len(line))
    decoder.feed(first)
    calls = 0

    def count(_frame: object, kind: str, _arg: object) -> None:
        nonlocal calls
        calls += kind in ("call", "c_call")

    sys.setprofile(count)
    try:
        for _ in range(4):
            decoder.feed(block)
    finally:
        sys.setprofile(None)
    assert not decoder.exceeded
    assert calls < 400


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
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
