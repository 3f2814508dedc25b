"""The files that pages are made of: what was vendored is what was published, all is small, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re
import zlib
from importlib import resources

from monitor.web.pages import static
from monitor.web.pages.rendering import environment

FOLDER = resources.files("monitor.web") / "static"
LISTED = re.compile(r"^\| `(?P<file>[^`]+)` \|.*\| `(?P<digest>[0-9a-f]{64})` \|$", re.MULTILINE)


def test_every_vendored_file_is_listed_with_its_digest() -> None:
    vendor = FOLDER / "vendor"
    listed = {each["file"]: each["digest"] for each in LISTED.finditer((vendor / "VENDORED.md").read_text())}
    there = {path.name: path for path in vendor.iterdir() if not path.name.startswith(("LICENSE", "VENDORED"))}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == listed


def test_all_files_of_the_folder_are_served_and_no_other() -> None:
    own = {path.name for path in FOLDER.iterdir() if path.is_file()}
    there = (path.name for path in (FOLDER / "vendor").iterdir())
    vendored = {f"vendor/{name}" for name in there if name.endswith((".js", ".css"))}
    assert own | vendored == set(static.TYPES)


def test_scripts_are_under_a_hundred_kilobytes_compressed() -> None:
    scripts = [asset.content for name, asset in static.assets().items() if name.endswith(".js")]
    assert sum(len(zlib.compress(content)) for content in scripts) < 100_000


def test_no_template_switches_escaping_off_or_writes_script_or_style_inline() -> None:
    loader = environment().loader
    assert loader is not None
    for name in environment().list_templates():
        source, *_ = loader.get_source(environment(), name)
        assert "|safe" not in source.replace(" ", ""), name
        assert "autoescape" not in source, name
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", source), name
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", source), name


def test_no_address_of_elsewhere_stands_in_our_scripts_and_styles() -> None:
    for name in ("console.js", "chart.js", "console.css"):
        text = static.assets()[name].content.decode()
        assert not re.search(r"https?://[a-z]", text.replace('"https://"', "")), name
        assert "innerHTML" not in text.replace('hx-swap="innerHTML"', ""), name
