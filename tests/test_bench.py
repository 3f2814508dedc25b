"""Benchmarks run to their end and show ours beside the floor of the same run."""

from __future__ import annotations

import pytest

from bench import compare, pages


def test_the_benchmark_of_comparing_prints_a_ratio_for_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    compare.main((3,))
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "3 rows"
    assert len(lines) == 1 + 4 * len(compare.WAYS)
    assert "x jsonschema" in lines[0]
    assert all("x deepdiff ordered" in line for line in lines[1:])


def test_the_benchmark_of_reading_pages_prints_a_ratio_for_each_way(capsys: pytest.CaptureFixture[str]) -> None:
    ways = list(pages.WAYS)[:2]
    pages.main(seconds=0.0, most=1, ways=ways)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ways
    assert all("x the floor's pages" in line and "MiB" in line for line in lines)
