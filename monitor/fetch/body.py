"""Reading a body under caps: bytes on the wire and after decompression. Must not know where the bytes come from."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Iterator

from monitor.errors import FetchError

_STEP = 64 * 1024
_WINDOW = {"gzip": 47, "x-gzip": 47, "deflate": 47}  # 32 + 15: zlib or gzip, by the header


class Inflater:
    """One decompressor that never yields more than a step at a time, so that a bomb is seen before it is large.

    httpx decodes a whole chunk at once: 204 kB of gzip became one chunk of 67 MB (reliability.md E13).
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._zlib = zlib.decompressobj(_WINDOW[coding])
        self._raw_deflate_possible = coding == "deflate"
        self._limit = limit
        self._total = 0

    @property
    def finished(self) -> bool:
        """Whether the compressed data came to its own end, checksum included."""
        return self._zlib.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decompresses to; raises FetchError `too_large` beyond the limit, `encoding` if broken."""
        while data and not self._zlib.eof:
            try:
                piece = self._zlib.decompress(data, _STEP)
            except zlib.error as problem:
                if not self._raw_deflate_possible:
                    raise FetchError("the page's compressed data is broken", code="encoding") from problem
                self._zlib = zlib.decompressobj(-15)  # servers that say deflate and send it without the zlib header
                self._raw_deflate_possible = False
                continue
            self._raw_deflate_possible = False
            self._total += len(piece)
            if self._total > self._limit:
                raise too_large(self._limit)
            yield piece
            data = self._zlib.unconsumed_tail


def too_large(limit: int) -> FetchError:
    """Return the error of a page that is larger than `limit` bytes."""
    size = f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit} bytes"
    return FetchError(f"the page is larger than {size}", code="too_large")


async def read(chunks: AsyncIterable[bytes], *, coding: str, limit: int, cut: bool = False) -> bytes:
    """Return the whole body, decompressed, if it keeps within `limit` before and after; raises FetchError.

    With `cut`, of a body that is larger its beginning is returned.
    """
    body = bytearray()
    try:
        await _into(body, chunks, coding.strip().lower(), limit)
    except FetchError as problem:
        if not cut or problem.code != "too_large":
            raise
    return bytes(body[:limit])


async def _into(body: bytearray, chunks: AsyncIterable[bytes], coding: str, limit: int) -> None:
    if coding in ("", "identity"):
        inflater = None
    elif coding in _WINDOW:
        inflater = Inflater(coding, limit)
    else:
        raise FetchError(f"the page is encoded as {coding[:40]!r}, which was not asked for", code="encoding")
    wire = 0
    async for chunk in chunks:
        wire += len(chunk)
        if inflater is None:
            body += chunk[: limit + 1 - len(body)]
        else:
            for piece in inflater.feed(chunk):
                body += piece
        if wire > limit:
            raise too_large(limit)
    if inflater is not None and wire and not inflater.finished:
        raise FetchError("the page's compressed data ends too early", code="encoding")
