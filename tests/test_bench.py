"""The benchmark of comparing runs to its end, and shows ours beside deepdiff and jsonschema of the same run."""

from __future__ import annotations

import pytest

from bench import compare


def test_the_benchmark_of_comparing_prints_a_ratio_for_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    compare.main((3,))
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "3 rows"
    assert len(lines) == 1 + 4 * len(compare.WAYS)
    assert "x jsonschema" in lines[0]
    assert all("x deepdiff ordered" in line for line in lines[1:])
