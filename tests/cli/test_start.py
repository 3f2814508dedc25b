"""What the command line loads before it knows what is asked: `monitor --help` answers in a third of a second."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "alembic", "apprise", "apscheduler", "cel", "cronsim", "deepdiff", "fastapi", "httpx", "jinja2", "jsonschema",
    "jsonschema_rs", "prometheus_client", "pydantic", "rich", "sqlalchemy", "starlette", "uvicorn", "watchfiles",
    "yaml",
)  # fmt: skip


def test_nothing_heavy_is_loaded_before_a_command_needs_it() -> None:
    code = f"import sys, monitor.cli.main; print(*sorted(set({HEAVY!r}) & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
