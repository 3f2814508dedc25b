"""Loading a workspace: the good watches, every problem of the others, and names that are nobody else's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from monitor.errors import SecretError
from monitor.files import documents
from monitor.files.documents import Document
from monitor.watch.findings import Finding
from monitor.watch.load import Loaded, Source, load
from monitor.watch.model import Watch

GOOD = 'url: https://shop.example/x\ngoal: Find the price.\ncron: "0 9 * * *"\noutput_schema: {type: object}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "watches").mkdir()
    return tmp_path


def write(root: Path, name: str, text: str = GOOD) -> Path:
    path = root / "watches" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def told(found: Loaded) -> str:
    return "\n".join(map(str, found.problems))


def defaults_of(text: str) -> Document:
    [document] = documents.parse(text, "monitor.yaml")
    part = document.part("defaults")
    assert part is not None
    return part


def test_the_stem_is_the_name_and_folders_may_be_nested(root: Path) -> None:
    write(root, "b.yaml")
    write(root, "shops/a.yml")
    write(root, "shops/deep/c.YAML", "# a comment\n\n" + GOOD + "name: named\n")
    found = load(root)
    assert list(found.watches) == ["b", "a", "named"]
    assert found.problems == ()
    assert found.sources["named"] == Source("watches/shops/deep/c.YAML", 3)
    assert found.watches["a"].cron == ("0 9 * * *",)


def test_hidden_files_and_editors_copies_are_not_read(root: Path) -> None:
    for name in (".a.yaml", "a.yaml~", "#a.yaml#", ".#a.yaml", "a.yaml.swp", "a.txt", ".git/a.yaml", "old~/a.yaml"):
        write(root, name, "[")
    write(root, "a.yaml")
    found = load(root)
    assert list(found.watches) == ["a"]
    assert found.problems == ()


def test_a_missing_folder_and_an_empty_file_are_warnings(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert found.watches == {}
    assert told(found) == "watches: there is no such folder (monitor init makes one)"
    for name, text in {"a.yaml": "", "b.yaml": "# only a comment\n", "c.yaml": "---\n---\n"}.items():
        write(tmp_path, name, text)
    found = load(tmp_path)
    assert [(one.file, one.message, one.warning) for one in found.problems] == [
        (f"watches/{name}.yaml", "this file defines no watch", True) for name in "abc"
    ]
    assert found.errors == ()


def test_a_bad_watch_never_hides_a_good_one(root: Path) -> None:
    """R8: a bad watch never hides a good one."""
    write(root, "bad.yaml", "url: [\n")
    write(root, "half.yaml", GOOD + "name: half\n---\nurl: x\nname: other\n---\n[")
    write(root, "good.yaml")
    (root / "watches" / "folder.yaml").mkdir()
    os.mkfifo(root / "watches" / "pipe.yaml")
    found = load(root)
    assert set(found.watches) == {"good", "half"}
    files = {problem.file for problem in found.errors}
    assert files == {"watches/bad.yaml", "watches/half.yaml", "watches/pipe.yaml"}


def test_links_to_folders_are_followed_once(root: Path) -> None:
    write(root, "real/a.yaml")
    (root / "watches" / "real" / "up").symlink_to(root / "watches")
    outside = root / "outside"
    outside.mkdir()
    (outside / "b.yaml").write_text(GOOD)
    (root / "watches" / "linked").symlink_to(outside)
    assert set(load(root).watches) == {"a", "b"}


def test_a_folder_that_cannot_be_listed_is_a_problem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R8: a folder that cannot be listed is a problem."""
    write(root, "good.yaml")
    (root / "watches" / "closed").mkdir()
    listing = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", refuse)  # the tests may run as root, whom no mode keeps out
    found = load(root)
    assert list(found.watches) == ["good"]
    assert told(found) == "watches/closed: this folder cannot be read: permission denied"


@pytest.mark.parametrize(
    ("first", "second"), [("Espresso", "espresso"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "STRASSE")]
)
def test_two_watches_with_one_name_are_both_refused_with_both_places(root: Path, first: str, second: str) -> None:
    write(root, "a.yaml", GOOD + f"name: {first}\n")
    write(root, "b.yaml", GOOD + f"name: {second}\n")
    write(root, "c.yaml")
    found = load(root)
    assert list(found.watches) == ["c"]
    assert list(found.sources) == ["c"]
    assert [(one.file, one.line, one.hint) for one in found.problems] == [
        ("watches/a.yaml", 5, "also in watches/b.yaml:5"),
        ("watches/b.yaml", 5, "also in watches/a.yaml:5"),
    ]


def test_a_broken_watch_still_holds_its_name(root: Path) -> None:
    write(root, "a.yaml")
    write(root, "sub/a.yaml", GOOD + "shedule: 1\n")
    found = load(root)
    assert found.watches == {}
    assert told(found).count('another watch is called "a" too') == 2


def test_a_stem_that_cannot_be_a_name_asks_for_one(root: Path) -> None:
    write(root, "-a.yaml")
    assert told(load(root)) == (
        'watches/-a.yaml:1:1: name: a name does not begin with "." or "-" (the file\'s name is the watch\'s: add name:)'
    )


def test_defaults_stand_under_every_watch_and_their_problems_in_monitor_yaml(root: Path) -> None:
    write(root, "a.yaml", GOOD + "limits: {}\n")
    write(root, "b.yaml", GOOD + "notify: [me]\ntimezone: UTC\n")
    defaults = defaults_of("defaults:\n  notify: [ops]\n  limits: {timeout: 3m}\n")
    found = load(root, defaults=defaults, default_timezone="Europe/Berlin")
    assert [watch.notify[0].to for watch in found.watches.values()] == [("ops",), ("me",)]
    assert {watch.limits.timeout.total_seconds() for watch in found.watches.values()} == {180}
    assert [watch.timezone for watch in found.watches.values()] == ["Europe/Berlin", "UTC"]
    wrong = defaults_of("defaults:\n  limits: {timeout: 3 m, tiemout: 1}\n")
    found = load(root, defaults=wrong)
    assert found.watches == {}
    timeout, unknown = map(str, found.problems)  # once, not once per watch
    assert timeout.startswith("monitor.yaml:2:21: defaults.limits.timeout: '3 m' is not a duration: ")
    assert unknown == 'monitor.yaml:2:26: defaults.limits.tiemout: unknown field (did you mean "timeout"?)'


SCHEMA = {"type": "object", "properties": {"price": {"type": "number"}}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("price.json", json.dumps(SCHEMA)),
        ("schemas/price.yaml", "type: object\nproperties: {price: {type: number}}\n"),
        ("../shared/price.yml", "type: object\nproperties: {price: {type: number}}\n"),
    ],
)
def test_a_schema_may_stand_in_a_file_of_its_own(root: Path, name: str, text: str) -> None:
    write(root, name, text)
    write(root, "a.yaml", GOOD.replace("{type: object}", name))
    found = load(root, only=[root / "watches" / "a.yaml"])
    assert found.problems == ()
    assert found.watches["a"].output_schema == SCHEMA


def price_is_odd(watch: Watch) -> Iterable[Finding]:
    yield Finding(("output_schema", "properties", "price", "type"), "is odd", "use text")


def test_a_finding_in_a_schema_file_stands_in_that_file(root: Path) -> None:
    write(root, "price.json", '{"type": "object",\n "properties": {\n  "price": {"type": "number"}}}')
    write(root, "a.yaml", GOOD.replace("{type: object}", "price.json"))
    write(root, "b.yaml", GOOD.replace("{type: object}", "price.json"))
    found = load(root, checks=[price_is_odd])
    assert told(found) == "watches/price.json:3:21: output_schema.properties.price.type: is odd (use text)"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("s.json", '{"a": 1, "a": 2}', 'a.yaml:4:16: output_schema: the schema file s.json: the key "a" stands twice'),
        ("s.json", "{]", "watches/s.json:1:2: not valid JSON"),
        ("s.json", "[1]", "watches/s.json:1:1: a schema is a map"),
        ("s.yaml", "a: 017", "watches/s.yaml:1:4: a: a number with a leading zero"),
        ("s.yaml", "a: 1\n---\nb: 1\n", "a schema file holds one document, this one 2"),
        ("s.yaml", "", "a schema file holds one document, this one 0"),
    ],
)
def test_a_broken_schema_file_is_told_where_it_is_broken(root: Path, name: str, text: str, words: str) -> None:
    schema = write(root, name, text)
    path = write(root, "a.yaml", GOOD.replace("{type: object}", name) + "shedule: 1\n")
    found = load(root, only=[path])
    assert words in told(found)
    assert "shedule" in told(found), "the rest of the watch is judged all the same"
    assert found.watches == {}
    schema.unlink()
    assert "does not exist" in told(load(root, only=[path]))


def test_a_link_out_of_the_workspace_is_no_schema(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "s.json"
    outside.write_text('{"secret": 1}')
    (root / "watches" / "s.json").symlink_to(outside)
    write(root, "a.yaml", GOOD.replace("{type: object}", "s.json"))
    assert "leads out of the workspace" in told(load(root))


def test_a_schema_path_of_the_defaults_is_under_the_workspace(root: Path) -> None:
    (root / "s.json").write_text(json.dumps(SCHEMA))
    write(root, "a.yaml", GOOD.replace("output_schema: {type: object}\n", ""))
    found = load(root, defaults=defaults_of("defaults: {output_schema: s.json}\n"))
    assert found.watches["a"].output_schema == SCHEMA


@pytest.mark.parametrize("path", ["''", "'a\\tb.json'".replace("'", '"'), "x" * 2_000 + ".json", "no-ending"])
def test_what_is_no_path_is_no_schema(root: Path, path: str) -> None:
    write(root, "a.yaml", GOOD.replace("{type: object}", path))
    assert "output_schema" in told(load(root))


def a_warning(watch: Watch) -> Iterable[Finding]:
    yield Finding(("cron",), "is often", warning=True)


def a_refusal(watch: Watch) -> Iterable[Finding]:
    if watch.name == "a":
        yield Finding(("notify", 0, "to", 3), "is unknown", "name it in monitor.yaml")


def a_broken_check(watch: Watch) -> Iterable[Finding]:
    yield Finding(("goal",), "is short", warning=True)
    raise ZeroDivisionError("with a canary-7f3a9 in its text")


def a_check_without_its_secret(watch: Watch) -> Iterable[Finding]:
    raise SecretError("${env:X} is not set", hint="set it")


def test_checks_refuse_only_what_they_find(root: Path) -> None:
    write(root, "a.yaml", GOOD + "notify: [ops]\n")
    write(root, "b.yaml")
    write(root, "c.yaml", "url: x\n")
    found = load(root, checks=[a_warning, a_refusal])
    assert list(found.watches) == ["b"]
    assert "watches/a.yaml:5:10: notify[0].to[3]: is unknown (name it in monitor.yaml)" in told(found)
    assert [(one.file, one.line, one.column) for one in found.problems if one.warning] == [
        ("watches/a.yaml", 3, 7),
        ("watches/b.yaml", 3, 7),
    ], "checks see only watches that are valid"


def test_a_check_that_breaks_stops_no_other(root: Path) -> None:
    write(root, "a.yaml")
    found = load(root, checks=[a_broken_check, a_check_without_its_secret, a_warning])
    assert found.watches == {}
    assert "a could not be checked: ZeroDivisionError in test_load.py:" in told(found)
    assert "(this is a defect of goal-monitor)" in told(found)
    assert "canary" not in told(found)
    assert "watches/a.yaml:1:1: a: ${env:X} is not set (set it)" in told(found)
    assert "is often" in told(found)
    assert "is short" in told(found)


def test_only_the_named_files_and_folders_are_read(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(root, "a.yaml")
    write(root, "sub/b.yaml")
    outside = tmp_path_factory.mktemp("elsewhere") / "c.yaml"
    outside.write_text(GOOD)
    found = load(root, only=[outside, root / "watches" / "sub", root / "watches" / "nope.yaml"])
    assert set(found.watches) == {"b", "c"}
    assert found.sources["c"].file == str(outside)
    assert told(found) == "watches/nope.yaml: this file does not exist"


def test_references_are_allowed_in_targets_and_proxies_only(root: Path) -> None:
    write(
        root,
        "a.yaml",
        GOOD
        + "notify: ['x://${env:T}']\nrun: {proxy_config: {enabled: true, password: '${file:/p}', username: '${x}'}}\n",
    )
    assert told(load(root)) == (
        "watches/a.yaml:6:71: run.proxy_config.username: "
        "a secret reference is ${env:NAME} or ${file:PATH} (there is no other kind)"
    )
    write(root, "a.yaml", GOOD.replace("shop.example/x", "shop.example/${env:KEY}"))
    assert "watches/a.yaml:1:6: url: " in told(load(root))


def test_a_name_with_control_characters_is_shown_without_them(root: Path) -> None:
    write(root, "a\x1b[31m.yaml", "[")
    assert "\x1b" not in told(load(root))
    assert "watches/a?[31m.yaml" in told(load(root))


def test_a_file_that_everybody_may_write_is_loaded_with_a_warning(root: Path) -> None:
    write(root, "a.yaml").chmod(0o666)
    found = load(root)
    assert list(found.watches) == ["a"]
    assert found.errors == ()
    assert "everybody on this machine may write this file" in told(found)


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
def test_a_thousand_watches_load_quickly(root: Path) -> None:
    import time

    for number in range(1_000):
        write(root, f"w{number}.yaml")
    started = time.process_time()
    assert len(load(root).watches) == 1_000
    assert time.process_time() - started < 1.5  # 15 s for 10,000; measured here: about 0.4 s


def test_a_schema_file_among_the_watches_is_no_watch(root: Path) -> None:
    """docs/watch.md: a schema may be a .yaml file beside its watch; what is wrong in it is still told."""
    write(root, "a.yaml", GOOD.replace(GOOD[GOOD.index("output_schema:") :], "output_schema: ./shape.yaml\n"))
    write(root, "shape.yaml", "type: object\nrequired: [price]\nproperties: {price: {type: number}}\n")
    found = load(root)
    assert (list(found.watches), found.problems, found.refused) == (["a"], (), {})
    write(root, "shape.yaml", "type: object\nproperties: {price: {type: number}, price: {}}\n")
    found = load(root)
    assert found.watches == {}
    assert "watches/shape.yaml:2:" in told(found)
    assert "is required" not in told(found)
    assert list(found.refused) == ["a"]


def test_a_link_to_itself_is_a_problem_and_stops_nothing(root: Path) -> None:
    """reliability.md row 1: that file refused with path and reason; others load."""
    write(root, "a.yaml")
    (root / "watches" / "loop.yaml").symlink_to("loop.yaml")
    found = load(root)
    assert list(found.watches) == ["a"]
    assert "watches/loop.yaml: this link cannot be followed" in told(found)
