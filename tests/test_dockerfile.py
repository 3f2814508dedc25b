"""What can be checked of the Dockerfile without a container engine: its commands, user, paths and health check."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from monitor import settings
from monitor.web.health import Health
from tests.engine.conftest import fresh, state  # noqa: F401 - fixtures
from tests.web.conftest import console_at

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def _last(instruction: str) -> str:
    return re.findall(rf"^{instruction}\s+(.*)$", TEXT, re.MULTILINE)[-1].strip()


def test_what_is_copied_exists_and_is_let_in() -> None:
    """Every source of a COPY from the context is in the repository and in .dockerignore's exceptions."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for sources in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE):
        for source in sources.split()[:-1]:
            name = source.removeprefix("./").rstrip("/")
            assert (ROOT / name).exists(), name
            assert name in let_in, name


def test_it_runs_without_rights_and_stops_on_sigterm() -> None:
    """A user of its own, made before it is used; the signal that the daemon stops on; state private to it."""
    assert _last("USER") == "monitor"
    assert TEXT.index("useradd") < TEXT.index("USER monitor")
    assert _last("STOPSIGNAL") == "SIGTERM"
    assert "-m 0700 /workspace/state" in TEXT


def test_its_environment_is_made_of_settings_that_exist(tmp_path: Path) -> None:
    """MONITOR_* of the image are read by the program and lead to the paths of the image."""
    pairs = dict(re.findall(r"(MONITOR_[A-Z]+)=(\S+)", TEXT))
    loaded = settings.load(None, {}, {**pairs, "MONITOR_WORKSPACE": str(tmp_path)})
    assert loaded.log.format == "json"
    assert pairs["MONITOR_WORKSPACE"] == _last("WORKDIR")
    assert _last("VOLUME") == '["/workspace/state"]'


def test_its_command_is_a_command_of_the_program() -> None:
    """ENTRYPOINT and CMD are `monitor daemon`, which answers --help."""
    command = [*json.loads(_last("ENTRYPOINT")), *json.loads(_last("CMD"))]
    assert command == ["monitor", "daemon"]
    done = subprocess.run([sys.executable, "-m", *command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Usage: monitor daemon" in done.stdout


@pytest.mark.anyio
async def test_its_health_check_tells_good_from_bad(state: Path) -> None:  # noqa: F811 - the fixture of that name
    """The health command exits 0 against a healthy daemon and not against a failing one."""
    import anyio

    found = re.search(r"HEALTHCHECK.*?CMD (\[.*\])", TEXT)
    assert found
    name, *arguments = json.loads(found[1])
    assert name == "python"
    for good in (True, False):
        parts = {"scheduler": None if good else "has not moved", "outbox": None, "store": None}
        async with console_at(state, health=lambda parts=parts: Health(parts)) as site:  # type: ignore[misc]
            code = arguments[-1].replace("http://127.0.0.1:8600", site.base)
            assert code != arguments[-1]
            done = await anyio.run_process([sys.executable, "-c", code], check=False)
            assert (done.returncode == 0) is good


@pytest.mark.timeout(120)
def test_what_the_build_installs_is_complete(tmp_path: Path) -> None:
    """The wheel of the build stage, alone in a plain virtual environment, makes a workspace and a database.

    Dependencies are lent by this environment, so that no index is asked; the package itself comes from the wheel only.
    """
    assert "--require-hashes --requirement requirements.lock --dest /wheels" in TEXT
    assert "--no-index --find-links /wheels '.[all]'" in TEXT
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = ["wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*pip, *wheel, str(ROOT)], check=True)
    plain = tmp_path / "plain"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(plain)], check=True)
    lent = next(plain.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        archive.extractall(lent)
    (lent / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = [str(plain / "bin" / "python"), "-P", "-m", "monitor", "--workspace", str(tmp_path / "workspace")]
    (tmp_path / "workspace").mkdir()
    for command in (["init"], ["validate"], ["run", "espresso-machine"], ["status"]):
        done = subprocess.run([*python, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    where = [str(plain / "bin" / "python"), "-P", "-c", "import monitor; print(monitor.__file__)"]
    assert str(plain) in subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
