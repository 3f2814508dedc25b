"""Settings: five sources in their order, one clear line for what is wrong, and no secret in any text."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import DefinitionError, SecretError, UsageError
from monitor.files.workspace_file import WorkspaceFile
from monitor.settings import Listen, Log, Settings, load

CANARY = "canary-7f3a9"


def workspace(folder: Path, text: str = "", dotenv: str = "") -> Path:
    if text:
        (folder / "monitor.yaml").write_text(text)
    if dotenv:
        (folder / ".env").write_text(dotenv)
    return folder


def rows(found: Settings) -> dict[str, tuple[str, str]]:
    return {name: (value, origin) for name, value, origin in found.shown()}


def test_an_empty_workspace_has_the_documented_defaults(tmp_path: Path) -> None:
    found = load(tmp_path / "not" / "there", {}, {})
    assert (found.agent, found.base_url, found.queue) == ("tinyfish", "https://agent.tinyfish.ai", "local")
    assert found.concurrency == 2
    assert found.http == Listen("127.0.0.1", 8600)
    assert found.log == Log("info", "console")
    assert (found.timezone, found.allow_private) == ("UTC", False)
    assert found.database == tmp_path / "not" / "there" / "state" / "monitor.db"
    assert found.state == f"sqlite:///{found.database}"
    assert found.api_key is None
    assert found.http_token is None
    assert found.defaults is None
    assert found.targets == {}
    assert set(found.origins.values()) == {"option --workspace", "default"}


SOURCES = [
    "option --concurrency",
    "environment MONITOR_CONCURRENCY",
    ".env MONITOR_CONCURRENCY",
    "monitor.yaml:2",
    "default",
]


@pytest.mark.parametrize("strongest", range(5))
def test_the_strongest_source_wins_and_is_named(tmp_path: Path, strongest: int) -> None:
    workspace(
        tmp_path,
        "agent: embedded\nconcurrency: 14\n" if strongest <= 3 else "agent: embedded\n",
        "MONITOR_CONCURRENCY=13\n" if strongest <= 2 else "",
    )
    found = load(
        tmp_path,
        {"concurrency": "11"} if strongest == 0 else {},
        {"MONITOR_CONCURRENCY": "12"} if strongest <= 1 else {"MONITOR_CONCURRENCY": ""},
    )
    assert found.concurrency == [11, 12, 13, 14, 2][strongest]
    assert found.origins["concurrency"] == SOURCES[strongest]


@pytest.mark.parametrize("empty", [{"MONITOR_HTTP": ""}, {"MONITOR_HTTP": " "}])
def test_an_empty_http_is_off(tmp_path: Path, empty: dict[str, str]) -> None:
    found = load(workspace(tmp_path, "http: 127.0.0.1:9\n"), {}, empty)
    assert found.http is None
    assert rows(found)["http"] == ("off", "environment MONITOR_HTTP")
    assert load(workspace(tmp_path, 'http: ""\n'), {}, {}).http is None
    assert load(tmp_path, {"http": "localhost:0"}, {}).http == Listen("localhost", 0)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"MONITOR_AGENT": "openai"}, "MONITOR_AGENT: must be tinyfish or embedded"),
        ({"TINYFISH_BASE_URL": f"http://u:{CANARY}@x.example"}, "TINYFISH_BASE_URL: must be"),
        ({"MONITOR_STATE": "postgresql:/h/d"}, "MONITOR_STATE: must be a path, sqlite:///state/"),
        ({"MONITOR_STATE": f"postgresql://u:{CANARY}/@h/d"}, "MONITOR_STATE: must be postgresql://"),
        ({"MONITOR_QUEUE": "postgres"}, "MONITOR_QUEUE: postgres is not supported yet"),
        ({"MONITOR_CONCURRENCY": "0"}, "MONITOR_CONCURRENCY: must be a whole number from 1 to 10000"),
        ({"MONITOR_HTTP": "8600"}, "MONITOR_HTTP: must be host:port"),
        ({"MONITOR_LOG": "loud"}, "MONITOR_LOG: must be debug"),
        ({"MONITOR_HTTP": "0.0.0.0:80"}, "set MONITOR_HTTP_TOKEN"),
        ({"TINYFISH_API_KEY": CANARY, "TINYFISH_API_KEY_FILE": "k"}, "TINYFISH_API_KEY and TINYFISH_API_KEY_FILE"),
    ],
)
def test_a_wrong_variable_is_one_line_that_names_it(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, {}, environ)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_wrong_option_is_named_as_an_option(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--base-url: must be"):
        load(tmp_path, {"base_url": "x"}, {})
    with pytest.raises(UsageError, match="no option for the setting api_key"):
        load(tmp_path, {"api_key": CANARY}, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("agnt: embedded\n", 'monitor.yaml:1:1: agnt: unknown field (did you mean "agent"?)'),
        ("tags: [a]\n", "tags: must be a map of fields"),
        ("tags: {a: {url: 'https://x.example'}}\n", "a tag cannot give its watches their url"),
        ("tags: {a: {tags: [b]}}\n", "a tag cannot give its watches their tags"),
        ("hosts: {'https://shop.example/x': {concurrency: 1}}\n", "write the host as it stands in a watch's url"),
        ("hosts: {shop.example: {}}\n", "hosts.shop.example: say min_interval, concurrency or both"),
        ("hosts: {shop.example: {min_interval: 2d}}\n", "runs of one host are at most 1d apart"),
        ("hosts: {shop.example: {min_intervall: 2s}}\n", 'did you mean "min_interval"?'),
        ("hosts:\n  a: {concurrency: 1}\n  A: {concurrency: 2}\n", "hosts: a stands here twice"),
        ("spending: {usd_per_day: -1}\n", "spending.usd_per_day: must be more than 0"),
        ("spending: {usd_per_day: '25'}\n", "spending.usd_per_day: must be a number"),
        ("spending: {usd_per_step: .inf}\n", "spending.usd_per_step: infinity"),
        ("group_wait: 90m\n", "monitor.yaml:1:13: group_wait: messages are gathered for at most 1h"),
        ("group_wait: soon\n", "group_wait: 'soon' is not a duration"),
        ("group_wait: 10\n", "group_wait: must be a text: quote it"),
        ("group_by: host\n", "group_by:"),
        ("quiet_hours: {from: '22:00'}\n", "quiet_hours.to: is required"),
        ("quiet_hours: {from: '25:00', to: '07:00'}\n", "quiet_hours.from: '25:00' is not a time of day"),
        ("quiet_hours: {from: '22:00', to: '22:00'}\n", "from and to are the same time"),
        ("quiet_hours: {from: '22:00', to: '07:00', timezone: Mars}\n", "quiet_hours.timezone: 'Mars' is not in the"),
        ("quiet_hours: {from: '22:00', to: '07:00', hold: [chnage]}\n", "quiet_hours.hold[0]:"),
        ("quiet_hours: {start: '22:00', to: '07:00'}\n", "quiet_hours.from: is required (and 1 more)"),
        ("concurrency: 0\n", "monitor.yaml:1:14: concurrency: must be a whole number from 1 to 10000"),
        ("concurrency: true\n", "monitor.yaml:1:14: concurrency: must be a text"),
        ("http: 8600\n", "monitor.yaml:1:7: http: must be a text: quote it"),
        ("http:\n", "monitor.yaml:1:6: http: must be a text: quote it"),
        ("agent: x\n", "agent: must be tinyfish or embedded"),
        ("timezone: Mars\n", "monitor.yaml:1:11: timezone: 'Mars' is not in the time zone database"),
        ("targets: [a]\n", "targets: must be a map of fields"),
        ("targets: {ops: 1}\n", "targets.ops: must be a text (quote it)"),
        ("targets: {ops: ''}\n", "targets.ops: must not be empty"),
        ("targets: {'a://b': x}\n", "the name of a target is made of"),
        ("targets: {ops: '${ENV:X}'}\n", "targets.ops: a secret reference is ${env:NAME}"),
        ("defaults: [ops]\n", "defaults: must be a map of fields"),
        ("defaults: {name: x}\n", "defaults cannot give every watch the same name"),
        ("defaults: {url: 'https://x.example'}\n", "monitor.yaml:1:17: defaults.url: defaults cannot give every watch"),
        ("allow_private: yes\n", "allow_private: must be true or false"),
        (f"api_key: {CANARY}\napi_key_file: x\n", "api_key_file: api_key is set too"),
        ("api_key:\n", "api_key: is empty"),
        (f"dead_man: ftp://{CANARY}.example/\n", "monitor.yaml:1:11: dead_man: must be an http or https url, as in"),
        (f"dead_man: https://u:{CANARY}@hc.example/\n", "dead_man: must be an http or https url without a user name"),
        (f"dead_man: 'https://hc.example/{CANARY} x'\n", "dead_man: must be an http or https url"),
        (f"dead_man: https://[{CANARY}/\n", "dead_man: must be an http or https url"),
        ("dead_man: https://hc.example/${ENV:X}\n", "dead_man: a secret reference is ${env:NAME}"),
        ("dead_man:\n", "dead_man: is empty"),
        ("- 1\n", "monitor.yaml: must be one map of fields"),
        ("agent: embedded\n---\nagent: embedded\n", "monitor.yaml: must be one map of fields"),
        ("agent: [\n", "monitor.yaml:"),
    ],
)
def test_a_wrong_file_is_told_with_its_position(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(workspace(tmp_path, text), {}, {})
    assert words in str(caught.value)
    assert CANARY not in str(caught.value)


def test_an_empty_file_is_no_file_and_another_ending_is_told(tmp_path: Path) -> None:
    assert load(workspace(tmp_path, "# nothing\n"), {}, {}).agent == "tinyfish"
    (tmp_path / "monitor.yaml").rename(tmp_path / "monitor.yml")
    with pytest.raises(DefinitionError, match=r"monitor\.yml: this file is not read \(call it monitor\.yaml\)"):
        load(tmp_path, {}, {})


def test_a_file_that_cannot_be_read_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DefinitionError, match="does not exist"):
        load(tmp_path, {}, {})


def test_the_workspace_is_the_option_the_variable_or_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}, {}).workspace == tmp_path
    assert load(None, {}, {"MONITOR_WORKSPACE": "sub"}).workspace == tmp_path / "sub"
    assert load(Path("here"), {}, {"MONITOR_WORKSPACE": "sub"}).workspace == tmp_path / "here"
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is not a folder"):
        load(Path("file"), {}, {})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("x.db", "x.db"),
        ("sqlite:///y/x.db", "y/x.db"),
        ("/abs/x.db", "/abs/x.db"),
        ("sqlite:////abs/x.db", "/abs/x.db"),
    ],
)
def test_the_database_is_under_the_workspace_unless_it_is_absolute(tmp_path: Path, text: str, path: str) -> None:
    assert load(tmp_path, {}, {"MONITOR_STATE": text}).database == tmp_path / path


def from_the_environment(folder: Path) -> tuple[dict[str, str], str]:
    return {"TINYFISH_API_KEY": f" {CANARY}\n"}, "environment TINYFISH_API_KEY"


def from_a_file_of_the_environment(folder: Path) -> tuple[dict[str, str], str]:
    (folder / "key").write_text(f"{CANARY}\n")
    return {"TINYFISH_API_KEY_FILE": str(folder / "key")}, "environment TINYFISH_API_KEY_FILE"


def from_dotenv(folder: Path) -> tuple[dict[str, str], str]:
    workspace(folder, f"api_key: not-{CANARY}\n", f"TINYFISH_API_KEY={CANARY}\n")
    return {"TINYFISH_API_KEY": ""}, ".env TINYFISH_API_KEY"


def from_a_reference_in_the_file(folder: Path) -> tuple[dict[str, str], str]:
    workspace(folder, "agent: tinyfish\napi_key: ${env:KEY}\n", f"KEY={CANARY}\n")
    return {}, "monitor.yaml:2"


def from_a_path_in_the_file(folder: Path) -> tuple[dict[str, str], str]:
    (folder / "key").write_text(f"{CANARY}\r\n")
    workspace(folder, "api_key_file: key\n")
    return {}, "monitor.yaml:1"


@pytest.mark.parametrize(
    "given",
    [
        from_the_environment,
        from_a_file_of_the_environment,
        from_dotenv,
        from_a_reference_in_the_file,
        from_a_path_in_the_file,
    ],
)
def test_the_key_is_found_trimmed_and_never_shown(tmp_path: Path, given: Any) -> None:
    environ, origin = given(tmp_path)
    found = load(tmp_path, {}, environ)
    assert found.api_key is not None
    assert found.api_key.reveal() == CANARY
    assert found.origins["api_key"] == origin
    assert CANARY not in f"{found!r}{found!s}{found.shown()}{vars(found).get('api_key')}"


@pytest.mark.parametrize(
    ("environ", "text", "words"),
    [
        ({"TINYFISH_API_KEY": f"{CANARY}é"}, "", "TINYFISH_API_KEY holds a character"),
        ({"TINYFISH_API_KEY": f"{CANARY}\nX-Evil: 1"}, "", "TINYFISH_API_KEY holds a character"),
        ({"TINYFISH_API_KEY_FILE": "nope"}, "", "the file of TINYFISH_API_KEY_FILE does not exist"),
        ({}, "api_key: ${env:NOPE}\n", "${env:NOPE} is not set"),
    ],
)
def test_a_bad_key_harms_only_those_who_ask_for_it(
    tmp_path: Path, environ: dict[str, str], text: str, words: str
) -> None:
    found = load(workspace(tmp_path, text), {}, environ)
    with pytest.raises(SecretError) as caught:
        _ = found.api_key
    assert words in str(caught.value)
    assert CANARY not in str(caught.value)


def test_another_machine_needs_a_token(tmp_path: Path) -> None:
    found = load(workspace(tmp_path, "http: 0.0.0.0:80\nhttp_token: ${env:T}\n"), {}, {"T": CANARY})
    assert found.http_token is not None
    assert found.http_token.reveal() == CANARY
    assert rows(found)["http_token"] == ("${env:T}", "monitor.yaml:2")


def test_what_is_shown_is_masked(tmp_path: Path) -> None:
    workspace(
        tmp_path,
        f"targets:\n  ops: ${{env:OPS}}\n  mail: mailto://u:{CANARY}@h\n"
        "defaults: {notify: [ops], tags: [a]}\nallow_private: true\nignore_robots: true\n",
        f"TINYFISH_API_KEY={CANARY}\n",
    )
    found = load(tmp_path, {}, {})
    shown = rows(found)
    assert shown["targets.ops"] == ("${env:OPS}", "monitor.yaml")
    assert shown["targets.mail"][0] == "mailto://***"
    assert shown["api_key"] == ("***", ".env TINYFISH_API_KEY")
    assert shown["defaults"][0] == "notify, tags"
    assert shown["allow_private"] == ("true", "monitor.yaml:5")
    assert shown["ignore_robots"] == ("true", "monitor.yaml:6")
    assert found.ignore_robots is True
    assert shown["workspace"] == (str(tmp_path), "option --workspace")
    assert CANARY not in repr(shown) + repr(found)


def test_every_setting_is_shown(tmp_path: Path) -> None:
    """What the file can say is in `monitor settings`, with its line, and what it does not say as its default."""
    text = (
        "timezone: Europe/Berlin\nspending: {runs_per_day: 7, usd_per_day: 2.5}\ngroup_wait: 90s\ngroup_by: tag\n"
        "quiet_hours: {from: '22:00', to: '07:00', hold: [change, drift]}\n"
        "hosts: {Shop.example: {min_interval: 90s, concurrency: 2}}\ntags: {kitchen: {drift: false}}\n"
    )
    shown = rows(load(workspace(tmp_path, text), {}, {}))
    assert shown["spending.runs_per_day"] == ("7", "monitor.yaml:2")
    assert shown["spending.usd_per_day"] == ("2.5", "monitor.yaml:2")
    assert shown["spending.usd_per_step"] == ("0.016", "default")
    assert shown["hosts.shop.example"] == ("one run every 90s, 2 at once", "monitor.yaml")
    assert shown["tags.kitchen"] == ("drift", "monitor.yaml")
    assert shown["group_wait"] == ("90s", "monitor.yaml:3")
    assert shown["group_by"] == ("tag", "monitor.yaml:4")
    assert shown["quiet_hours"] == ("22:00-07:00 Europe/Berlin, holds change and drift", "monitor.yaml:5")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    default = rows(load(workspace(elsewhere, "spending: {}\n"), {}, {}))
    assert default["quiet_hours"] == ("off", "default")
    assert default["group_wait"] == ("10s", "default")
    assert default["dead_man"] == ("not set", "default")
    names = {name.split(".")[0] for name in default} | {"targets", "defaults", "tags", "hosts", "api_key_file"}
    assert WorkspaceFile.model_fields.keys() - names == set()


def test_targets_stay_references_and_the_environment_is_over_dotenv(tmp_path: Path) -> None:
    workspace(tmp_path, "targets: {ops: '${env:A}'}\n", "A=low\nB=dot\n")
    found = load(tmp_path, {}, {"A": "high"})
    assert found.targets["ops"] == "${env:A}"
    assert (found.environ["A"], found.environ["B"]) == ("high", "dot")


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    found = load(tmp_path, {}, {})
    with pytest.raises(FrozenInstanceError):
        found.agent = "embedded"  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.targets["x"] = "y"  # type: ignore[index]


def test_the_address_of_the_dead_man_is_a_secret_with_references(tmp_path: Path) -> None:
    """It is masked wherever it is shown, and read when it is asked for."""
    url = f"https://hc.example/ping/{CANARY}"
    plain = load(workspace(tmp_path, f"dead_man: {url}\n"), {}, {})
    assert plain.dead_man is not None
    assert plain.dead_man.reveal() == url
    assert rows(plain)["dead_man"] == ("https://***", "monitor.yaml:1")
    assert CANARY not in repr(plain)
    referred = load(workspace(tmp_path, "dead_man: '${env:PING_URL}'\n"), {}, {"PING_URL": f"{url}\n"})
    assert referred.dead_man is not None
    assert referred.dead_man.reveal() == url
    assert rows(referred)["dead_man"] == ("${env:PING_URL}", "monitor.yaml:1")
    given = load(tmp_path, {}, {"MONITOR_DEAD_MAN": url, "PING_URL": "x"})
    assert given.dead_man is not None
    assert given.dead_man.reveal() == url
    assert rows(given)["dead_man"] == ("***", "environment MONITOR_DEAD_MAN")
    assert load(tmp_path / "other", {}, {}).dead_man is None
    with pytest.raises(SecretError, match=r"\$\{env:PING_URL\} is not set"):
        _ = load(tmp_path, {}, {}).dead_man
    for text in (f"ftp://{CANARY}.example/", CANARY):
        wrong = load(tmp_path, {}, {"MONITOR_DEAD_MAN": text})
        with pytest.raises(SecretError, match="MONITOR_DEAD_MAN: must be an http or https url") as caught:
            _ = wrong.dead_man
        assert CANARY not in str(caught.value)
