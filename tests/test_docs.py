"""What the documents say is checked where it can be: commands, fields, settings, files, links, examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor import settings
from monitor.cli.main import app, run
from monitor.files import documents
from monitor.store.store import Store
from monitor.watch.load import load
from monitor.watch.model import AgentConfig, Compare, Limits, RunOptions, Watch

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def _commands() -> set[str]:
    return {each.name or "" for each in (*app.registered_commands, *app.registered_groups)}


def test_every_command_that_a_page_names_exists() -> None:
    """`monitor WORD` in a code span or block names a command."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code = "\n".join(re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL))
        named = set(re.findall(r"(?:^|[\s`])monitor ([a-z]+(?:-[a-z]+)*)", code))
        assert named <= _commands() | {"run"}, f"{page.name}: {named - _commands()}"


def test_every_command_has_a_help_text_that_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """`monitor COMMAND --help` works for each and begins with what it does."""
    for command in sorted(_commands()):
        assert run([command, "--help"]) == 0
        assert f"Usage: monitor {command}" in capsys.readouterr().out


def test_the_readme_begins_with_the_two_commands_and_is_two_screens() -> None:
    """`make demo` and `make test` are its first commands; the Makefile has both; CI calls one of them and no other."""
    commands = re.findall(r"^make ([a-z]+)", README, re.MULTILINE)
    assert commands[:2] == ["demo", "test"]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(commands) | set(re.findall(r"`make ([a-z]+)`", README)) <= targets
    called = re.findall(r"^\s*make .*", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert called == ['make test 2>&1 | tee "$log"']
    assert len(README.splitlines()) <= 100


def test_the_watch_of_the_readme_is_valid(tmp_path: Path) -> None:
    """The ten-line watch loads as it stands."""
    found = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert found
    (tmp_path / "watches").mkdir()
    (tmp_path / "watches" / "espresso-machine.yaml").write_text(found[1], encoding="utf-8")
    loaded = load(tmp_path)
    assert loaded.problems == ()
    assert list(loaded.watches) == ["espresso-machine"]
    assert len(found[1].splitlines()) <= 12


def test_the_example_watches_of_the_repository_are_valid() -> None:
    """`watches/` loads without a problem."""
    loaded = load(ROOT)
    assert loaded.problems == ()
    assert set(loaded.watches) == {"espresso-machine", "competitor-plans"}


def test_the_watch_reference_names_every_field() -> None:
    """docs/watch.md has each field of the model."""
    text = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
    parts = {"compare": Compare, "limits": Limits}
    names = [name for name in Watch.model_fields if name not in parts]
    names += [f"{part}.{name}" for part, model in parts.items() for name in model.model_fields]
    missing = [name for name in names if f"`{name}`" not in text]
    missing += [name for name in RunOptions.model_fields if f"`{name}`" not in text]
    assert missing == []
    assert AgentConfig.model_fields  # its fields are the API's own and documented there


def test_the_settings_table_names_every_setting() -> None:
    """docs/operating.md has each variable and each name that `monitor settings` prints."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    shown = settings.load(ROOT, {}, {}).shown()
    names = [name for name, _, _ in shown if name != "workspace"]
    missing = [name for name in names if f"`{name}`" not in text and f"`{name.split('.')[0]}`" not in text]
    assert missing == []
    source = (ROOT / "monitor" / "settings.py").read_text(encoding="utf-8")
    variables = set(re.findall(r'"((?:MONITOR|TINYFISH)_[A-Z_]+)"', source))
    assert [name for name in sorted(variables) if f"`{name}`" not in text] == []


def test_the_flow_names_files_and_methods_that_exist() -> None:
    """docs/flow.md speaks of the code as it is."""
    text = (ROOT / "docs" / "flow.md").read_text(encoding="utf-8")
    files = re.findall(r"`(monitor/[a-z_/]+\.py)`", text)
    assert files
    assert [name for name in files if not (ROOT / name).is_file()] == []
    methods = re.findall(r"`Store\.([a-z_]+)`", text)
    assert methods
    assert [name for name in methods if not hasattr(Store, name)] == []


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link names a file of the repository."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_package_of_the_lock_is_pinned_with_hashes() -> None:
    """requirements.lock holds exact versions with hashes and no index."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9-]+)==\S+", lock, re.MULTILINE)
    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)
    assert "://" not in lock
    assert "index-url" not in lock


def test_examples_of_yaml_in_pages_parse() -> None:
    """Each yaml block is YAML 1.2 as this program reads it."""
    for page in PAGES:
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            documents.parse(block, page.name)
