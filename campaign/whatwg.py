"""A slow reader of server-sent events, written from the WHATWG text and from nothing of ours.

It decodes the whole stream first, takes one byte order mark off, and goes through it character by character; the
decoder under test works on bytes, line by line and chunk by chunk. Must not import monitor.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

MARK = "\U0010fffe"  # a noncharacter that stands for "was not UTF-8" until the end; no stream of ours holds it


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return MARK, error.end


codecs.register_error("campaign.mark", _mark)


@dataclass
class _Buffers:
    """The data buffer and the event type buffer of the standard, and what was dispatched."""

    data: str = ""
    type: str = ""
    dispatched: list[tuple[str, str, bool]] = field(default_factory=list)


def read(stream: bytes) -> list[tuple[str, str, bool]]:
    """Return each event as (data, type, was its data damaged); an event without its blank line is not one."""
    text = stream.decode("utf-8", "campaign.mark")
    if text[:1] == "\ufeff":
        text = text[1:]
    buffers = _Buffers()
    for line in _lines(text):
        _process(line, buffers)
    return buffers.dispatched


def _lines(text: str) -> list[str]:
    """Return the lines that have their end: CRLF, a lone LF or a lone CR; what follows the last end is no line."""
    lines, line, at = [], "", 0
    while at < len(text):
        char = text[at]
        if char == "\r" and text[at + 1 : at + 2] == "\n":
            at += 1
        if char in {"\r", "\n"}:
            lines.append(line)
            line = ""
        else:
            line += char
        at += 1
    return lines


def _process(line: str, buffers: _Buffers) -> None:
    if line == "":
        _dispatch(buffers)
    elif line[0] == ":":
        return
    elif ":" in line:
        colon = line.index(":")
        value = line[colon + 1 :]
        if value[:1] == " ":
            value = value[1:]
        _field(line[:colon], value, buffers)
    else:
        _field(line, "", buffers)


def _field(name: str, value: str, buffers: _Buffers) -> None:
    if name == "event":
        buffers.type = value
    elif name == "data":
        buffers.data += value + "\n"


def _dispatch(buffers: _Buffers) -> None:
    data, kind = buffers.data, buffers.type
    buffers.data, buffers.type = "", ""
    if data == "":
        return
    data = data.removesuffix("\n")
    buffers.dispatched.append((data.replace(MARK, "\ufffd"), kind.replace(MARK, "\ufffd"), MARK in data))
