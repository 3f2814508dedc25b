"""The picture of a run's last step: only what is a picture, of bounded size."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from monitor.agent.screenshots import LARGEST, Picture, last_picture

JPEG = b"\xff\xd8\xff\xe0 a picture"
PNG = b"\x89PNG\r\n\x1a\n another"


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_the_last_step_that_has_one_gives_it() -> None:
    steps = [{"screenshot": text(PNG)}, {"screenshot": text(JPEG)}, {"screenshot": None}, {}]
    assert last_picture({"steps": steps}) == Picture(JPEG, "jpg")
    assert last_picture({"steps": steps[:1]}) == Picture(PNG, "png")


def test_a_data_url_is_taken_too() -> None:
    assert last_picture({"steps": [{"screenshot": f"data:image/jpeg;base64,{text(JPEG)}"}]}) == Picture(JPEG, "jpg")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"steps": None},
        {"steps": "x"},
        {"steps": [None, 3, "x"]},
        {"steps": [{"screenshot": 5}]},
        {"steps": [{"screenshot": ""}]},
        {"steps": [{"screenshot": "not base64"}]},
        {"steps": [{"screenshot": "https://cdn.example/shot.jpg"}]},
        {"steps": [{"screenshot": text(b"<svg onload=alert(1)>")}]},
        {"steps": [{"screenshot": text(JPEG + bytes(LARGEST))}]},
        {"steps": [{"screenshot": "A" * (2 * LARGEST)}]},
    ],
)
def test_what_is_no_picture_is_none(record: dict[str, Any]) -> None:
    assert last_picture(record) is None
