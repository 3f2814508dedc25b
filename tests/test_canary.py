"""The canary test of promise F1: secrets reach whom they are for, and nothing else, whatever command runs or fails.

One workspace whose every secret is a canary: the key, the tokens in targets' URLs, mail and proxy passwords, references
by environment and file, the dashboard's token, the dead-man address. Some targets work, one refuses, one is down, runs
fail in every way. Every command runs with and without `--json`, at every log level; then
every byte that came of it is looked through: output, database and its journals, copies, error details, the arguments
of processes, requests to pages and to other targets.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest
import structlog
import typer

from monitor.cli import main as command_line
from tests.canaries import KNOWN, Search, canary, forms
from tests.scripted_api import ScriptedApi
from tests.sinks import Answer, SmtpSink, WebhookSink

CANARIES = {
    "api key": canary("api key", '-/+"=~%41&'),
    "user of works": canary("user of works"),
    "token of works": canary("token of works"),
    "header of works": canary("header of works", "-x"),
    "token of refuses": canary("token of refuses"),
    "token of down": canary("token of down"),
    "token of inline": canary("token of inline"),
    "mail password": canary("mail password", "/+ x"),
    "proxy user": canary("proxy user"),
    "proxy password": canary("proxy password", '"\\%'),
    "http token": canary("http token", "-"),
    "dead man": canary("dead man"),
    "llm key": canary("llm key", "-/+"),
    "malformed target": canary("malformed target"),
}
SEARCH = Search(CANARIES)
built = cache(typer.main.get_command)  # the tree of commands: made anew it costs each of hundreds of calls 0.1 s

# Arguments of every command: "{run}", "{watch}", "{copy}" and "{message}" are filled in. A command that is neither here
# nor in EXEMPT fails `test_every_command_is_looked_through`.
COMMANDS: dict[str, Sequence[Sequence[str]]] = {
    "run": [["{watch}"], ["{watch}", "--dry-run"], ["--all"]],
    "daemon": [["--once"]],
    "schema": [[]],
    "settings": [[]],
    "validate": [[], ["watches/espresso.yaml"]],
    "init": [[]],
    "doctor": [[], ["--probe"]],
    "status": [[]],
    "history": [["{watch}"], ["{watch}", "--verdict", "FAILED"]],
    "show": [["{run}"]],
    "diff": [["{watch}"]],
    "explain": [["{run}"]],
    "backtest": [["{watch}"]],
    "noise": [["{watch}"]],
    "schedule": [[], ["{watch}"]],
    "plan": [[]],
    "export": [["{watch}"], ["{watch}", "--format", "csv"]],
    "hint": [["{watch}"]],
    "rejudge": [["{run}"]],
    "cancel": [["{run}"]],
    "pause": [["{watch}", "--for", "2h"]],
    "resume": [["{watch}"]],
    "outbox": [[]],
    "outbox list": [[]],
    "outbox retry": [["{message}"]],
    "outbox drop": [["{message}"]],
    "targets": [[]],
    "targets list": [[]],
    "targets test": [["works"], ["refuses"], ["mail"], ["down"], ["nobody"]],
    "backup": [["{copy}"]],
    "prune": [["--older-than", "90d"]],
    "restore": [["{copy}"]],
    "rename": [["{watch}", "renamed"]],
}
EXEMPT = {
    "demo": "makes a workspace of its own, which holds no secret",
    "agent": "serves until it is stopped; the same server runs in the embedded scenario",
    "add": "writes a watch file; it is given no secret",
    "top": "needs a terminal; it shows what status shows",
    "worker": "needs PostgreSQL; it runs what `run` runs",
    "migrate-state": "needs two stores; tests/cli/test_migrate_state.py looks for the password of one",
    "completion": "prints a script that knows no workspace",
}

WATCH = """\
url: {url}
goal: Find the product's current price.
cron: "* * * * *"
output_schema: {{type: object, required: [price], properties: {{price: {{type: number}}}}}}
jitter: 0s
notify:
  - to: [works, refuses, mail, down, "json://127.0.0.1:{port}/{inline}"]
    on: [baseline, change, failure, recovery]
limits: {{failing_after: 1}}
"""
PROXY = """\
run:
  proxy_config:
    {enabled: true, type: custom, url: "http://proxy.example:8080",
     username: "${env:PROXY_USER}", password: "${file:secrets/proxy}"}
"""


class Mail(SmtpSink):
    """A mail server that asks for a password and keeps it, so that a test knows that it was used."""

    def __init__(self) -> None:
        super().__init__()
        self.passwords: list[str] = []

    def __enter__(self) -> Self:
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult, LoginPassword

        def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
            assert isinstance(given, LoginPassword)
            self.passwords.append(given.password.decode())
            return AuthResult(success=True)

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, ready_timeout=10, authenticator=known, auth_require_tls=False
        )
        self._controller.start()
        return self


class Scene:
    """The workspace, its servers, and everything that was said."""

    def __init__(self, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.said, self.arguments = folder, b"", b""
        self._monkeypatch = monkeypatch
        self.api = stack.enter_context(ScriptedApi(result={"price": 1.0}).in_thread())
        self.works = stack.enter_context(WebhookSink())
        refusal = Answer(404, body=CANARIES["token of refuses"].encode(), headers={"X": CANARIES["token of refuses"]})
        self.refuses = stack.enter_context(WebhookSink(refusal))
        self.pings = stack.enter_context(WebhookSink())
        self.mail = stack.enter_context(Mail())
        for name in ("watches", "secrets", "temp"):
            (folder / name).mkdir()
        self._write()

    def _write(self) -> None:
        its = CANARIES
        works = (
            f"json://{its['user of works']}:{its['token of works']}@127.0.0.1:{self.works.port}/{its['token of works']}"
            f"?+X-Key={its['header of works']}&-token={its['token of works']}"
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            closed = free.getsockname()[1]
        mail = f"mailto://monitor:{quote(its['mail password'], safe='')}@127.0.0.1:{self.mail.port}"
        self._file("secrets/refuses", f"form://127.0.0.1:{self.refuses.port}/{its['token of refuses']}\n")
        self._file("secrets/proxy", its["proxy password"])
        self._file(".env", f"WORKS_URL='{works}'\nDOWN_URL=json://127.0.0.1:{closed}/{its['token of down']}\n")
        self._file(
            "monitor.yaml",
            'targets:\n  works: ${env:WORKS_URL}\n  refuses: "${file:secrets/refuses}"\n  down: ${env:DOWN_URL}\n'
            f'  mail: "{mail}?from=monitor@example.org&to=reader@example.org&mode=insecure"\n'
            "dead_man: ${env:DEAD_MAN}\nhttp_token: ${env:HTTP_TOKEN}\ngroup_wait: 0s\n",
        )
        for name, more in (("espresso", PROXY), ("plain", "")):
            text = WATCH.format(url=f"https://shop.example/{name}", port=self.works.port, inline=its["token of inline"])
            self._file(f"watches/{name}.yaml", text + more)
        self.environ = {
            "TINYFISH_API_KEY": its["api key"],
            "TINYFISH_BASE_URL": self.api.url,
            "PROXY_USER": its["proxy user"],
            "DEAD_MAN": f"{self.pings.url}/ping/{its['dead man']}",
            "HTTP_TOKEN": its["http token"],
            "MONITOR_LLM_URL": "http://127.0.0.1:9/v1",
            "MONITOR_LLM_MODEL": "small",
            "MONITOR_LLM_KEY": its["llm key"],
            "TMPDIR": str(self.folder / "temp"),
            "MONITOR_HTTP": "",
        }
        for name, value in self.environ.items():
            self._monkeypatch.setenv(name, value)
        self.inputs = {path for path in self.folder.rglob("*") if path.is_file()}

    def _file(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def log(self, level: str) -> None:
        self._monkeypatch.setenv("MONITOR_LOG", level)
        self.environ["MONITOR_LOG"] = level

    def run(self, capture: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
        """Run a command in this process; returns its exit code and stdout."""
        capture.readouterr()
        code = command_line.run(["--workspace", str(self.folder), *arguments])
        structlog.reset_defaults()
        out, err = capture.readouterr()
        self.hear(" ".join(arguments), out + err)
        assert code != 70, f"monitor {' '.join(arguments)}: internal error\n{err}"
        return code, out

    def hear(self, who: str, said: str) -> None:
        """Keep what was said; a canary is reported with the command that let it out, never with its value."""
        assert "Traceback" not in said, who
        assert SEARCH.found(said) == [], f"monitor {who} says a secret"
        self.said += said.encode()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "monitor", "--workspace", str(self.folder), *arguments],
            env=os.environ | self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def watch_arguments(self, process: subprocess.Popen[str]) -> threading.Thread:
        """Keep the command lines of a process and of all that it starts, as everybody on the machine sees them."""

        def look() -> None:
            while process.poll() is None:
                for pid in _family(process.pid):
                    self.arguments += _read(Path(f"/proc/{pid}/cmdline")) + b"\n"
                time.sleep(0.02)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        return thread

    def artefacts(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file that was made: the database with its journals, copies, error details, whatever else."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path not in self.inputs and path.parent.name != "watches":
                yield str(path.relative_to(self.folder)), path.read_bytes()


def _family(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(children).split():
            found += _family(int(child))
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it ended meanwhile


def _sent(sink: WebhookSink) -> bytes:
    """Return every byte of what came to a sink."""
    return b"\n".join(
        f"{each.method} {each.path} {json.dumps(each.headers)}\n".encode() + each.body for each in sink.received
    )


def _asked(api: ScriptedApi) -> bytes:
    whole = [(each.method, each.path, each.query, each.headers, each.body) for each in api.requests]
    return json.dumps(whole, default=str).encode()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(typer.main, "get_command", built)
    with ExitStack() as stack:
        yield Scene(tmp_path, stack, monkeypatch)


def _failures(api: ScriptedApi, *, repeats: bool = False) -> list[str]:
    """Script every kind of bad end; with `repeats` each says a secret again, as a careless service does."""
    key, user = (CANARIES["api key"], CANARIES["proxy user"]) if repeats else ("you sent", "***")
    api.next_run(error={"code": "SITE_BLOCKED", "message": f"blocked; x-api-key: {key}", "category": "AGENT_FAILURE"})
    api.next_run(result={"price": "much"})
    api.next_run(error={"code": "TASK_FAILED", "message": f"Authorization: Basic {user}"})
    api.next_run().status(401, {"error": {"code": "INVALID_API_KEY", "message": f"the key {key} is wrong"}})
    return ["blocked", "invalid", "failed", "the key is refused, which stops all further runs"]


def test_every_command_is_looked_through() -> None:
    """A command that is added must be run by the canary test, or say here why it need not be."""

    def names(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
        if path:
            yield " ".join(path)
        for name, below in getattr(command, "commands", {}).items():
            yield from names(below, (*path, name))

    present = set(names(typer.main.get_command(command_line.app)))
    assert present - COMMANDS.keys() - EXEMPT.keys() == set()


@pytest.mark.parametrize("level", ["debug:json", "debug:console"])
def test_no_command_lets_a_secret_out(scene: Scene, capfd: pytest.CaptureFixture[str], level: str) -> None:
    """Every command, while runs succeed, change and fail in every way, and targets take, refuse or are down."""
    scene.log(level)
    for price in (1.0, 2.0):
        scene.api.every_run(result={"price": price})
        scene.run(capfd, "run", "espresso", "plain")
    present = typer.main.get_command(command_line.app)
    records = json.loads(scene.run(capfd, "history", "espresso", "--json")[1])
    filled = {"{watch}": "espresso", "{run}": records[0]["run"], "{message}": "1"}
    for name, ways in COMMANDS.items():
        if not _exists(present, name):
            continue
        for way in ways:
            for json_too in ([], ["--json"]) if level == "debug:json" else ([],):
                filled["{copy}"] = str(scene.folder / f"copy-{len(json_too)}.db")
                scene.run(capfd, *name.split(), *(filled.get(word, word) for word in way), *json_too)
    for _ in _failures(scene.api):
        scene.run(capfd, "run", "plain")
    for name in ("status", "outbox", "doctor"):
        scene.run(capfd, name)
    _judge(scene)


def test_what_the_api_repeats_of_its_secrets_goes_no_further(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    """An API that quotes the request in its errors: not on the screen, not stored, not told to targets."""
    scene.log("debug:json")
    for _ in _failures(scene.api, repeats=True):
        scene.run(capfd, "run", "espresso")
    _judge(scene)


def _exists(present: Any, name: str) -> bool:
    for word in name.split():
        present = getattr(present, "commands", {}).get(word)
    return present is not None


def _judge(scene: Scene, *, mails: bool = True) -> None:
    """Look through all that came of a scene; first that every secret was in use at all."""
    key, proxy = {"api key"}, {"proxy user", "proxy password"}
    works = {"user of works", "token of works", "header of works", "token of inline"}
    asked = _asked(scene.api)
    assert set(SEARCH.found(asked)) == key | proxy
    assert set(SEARCH.found(_sent(scene.works))) == works
    assert set(SEARCH.found(_sent(scene.refuses))) == {"token of refuses"}
    assert set(SEARCH.found(_sent(scene.pings))) <= {"dead man"}
    if mails:
        assert set(scene.mail.passwords) == {CANARIES["mail password"]}
        assert [name for mail in scene.mail.mails for name in SEARCH.found(mail.as_bytes())] == []
    made = dict(scene.artefacts())
    assert "state/monitor.db" in made
    assert {name: found for name, data in made.items() if (found := SEARCH.found(data))} == {}
    assert SEARCH.found(scene.said) == []
    assert SEARCH.found(scene.arguments) == []


def test_a_daemon_lets_no_secret_out(scene: Scene) -> None:
    """The daemon as a process: its log, its files, its arguments and those of what it starts, its health."""
    scene.log("debug:json")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scene.environ["MONITOR_HTTP"] = f"127.0.0.1:{port}"
    scene.api.every_run(result={"price": 1.0})
    daemon = scene.start("daemon", "--clock-speed", "120")
    looking = scene.watch_arguments(daemon)
    try:
        scene.works.wait_for(4, 30)  # both watches, by name and by the URL that stands in the watch
        scene.pings.wait_for(1, 30)
        scene.refuses.wait_for(1, 30)
        scene.mail.wait_for(1, 30)
        posts = scene.api.posts + len(_failures(scene.api))
        _until(lambda: scene.api.posts >= posts)
        for path in ("/healthz", "/", "/metrics", "/api/status"):
            scene.hear(f"daemon {path}", _get(port, path))
            scene.hear(f"daemon {path}", _get(port, path, CANARIES["http token"]))
        daemon.send_signal(signal.SIGTERM)
        out, err = daemon.communicate(timeout=20)
    finally:
        daemon.kill()
        looking.join(5)
    assert daemon.returncode == 0
    scene.hear("daemon", out + err)
    assert b"daemon" in scene.arguments
    assert set(SEARCH.found(_sent(scene.pings))) == {"dead man"}
    _judge(scene)


def _get(port: int, path: str, token: str | None = None) -> str:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(HttpRequest(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=10) as answer:
            return f"{answer.headers}{answer.read().decode()}"
    except OSError as error:
        with getattr(error, "fp", None) or ExitStack():
            return f"{error}{getattr(error, 'headers', '')}"


def _until(condition: Any, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come so far"
        time.sleep(0.02)


def test_a_watched_page_sees_no_secret(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    """With the embedded agent this machine asks the page itself: neither key nor proxy nor any target goes there."""
    scene.log("debug:json")
    html = b'<html><body><p itemscope><meta itemprop="price" content="12.5">12.5</p></body></html>'
    with WebhookSink(Answer(200, body=html, headers={"Content-Type": "text/html"})) as page:
        path = scene.folder / "watches" / "plain.yaml"
        path.write_text(path.read_text().replace("https://shop.example/plain", f"{page.url}/product"))
        _, out = scene.run(capfd, "run", "plain", "--agent", "embedded", "--json")
        assert page.received
        assert SEARCH.found(_sent(page)) == []
    assert SEARCH.found(_sent(scene.works), but={"user of works", "token of works", "header of works",
                                                 "token of inline"}) == []  # fmt: skip
    assert json.loads(out)[0]["watch"] == "plain"
    made = dict(scene.artefacts())
    assert {name: found for name, data in made.items() if (found := SEARCH.found(data))} == {}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("works", "slack://{}"),
        ("works", "{}"),
        ("works", "json://127.0.0.1:notaport/{}"),
        ("works", "jsno://host/{}"),
        ("works", "${{file:secrets/{}"),
        ("works", "json://[{}/"),
        ("dead_man", "ftp://host/{}"),
        ("dead_man", "https://user:{}@host/"),
        ("dead_man", "{}"),
    ],
)
def test_a_secret_that_is_malformed_is_not_repeated(
    scene: Scene, capfd: pytest.CaptureFixture[str], setting: str, value: str
) -> None:
    """What is wrong is said by name and scheme, never with the value: it may be a secret in the wrong place."""
    scene.log("debug:json")
    text = value.format(CANARIES["malformed target"])
    settings = scene.folder / "monitor.yaml"
    lines = [line for line in settings.read_text().splitlines() if setting not in line.split(":")[0]]
    at = lines.index("targets:") + 1 if setting == "works" else 0
    lines.insert(at, f"{'  ' if setting == 'works' else ''}{setting}: {json.dumps(text)}")
    settings.write_text("\n".join(lines) + "\n")
    for arguments in (["validate"], ["settings"], ["run", "plain"], ["doctor"], ["daemon", "--once"]):
        scene.run(capfd, *arguments)
        scene.run(capfd, *arguments, "--json")


def test_the_search_finds_every_form() -> None:
    """The test can fail: each form of promise F1 is found, and each alone."""
    key = CANARIES["api key"]
    for form in forms(key):
        assert SEARCH.found(b"before " + form + b" after") == ["api key"]
    assert SEARCH.found(json.dumps({"a": f"x{key}y"})) == ["api key"]
    assert SEARCH.found("nothing of it") == []
    assert all(value.isprintable() for value in KNOWN.values())
    assert len({value[:12] for value in CANARIES.values()}) == len(CANARIES)
