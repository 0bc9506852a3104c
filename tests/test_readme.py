"""What the README says is true: its code runs, against the simulator."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wanpoll.providers import available
from wanpoll.simulator import Simulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = [line for language, code in BLOCKS if language == "bash" for line in code.splitlines()]
RUN_BY_CI = {"bash .ci/demo", "bash .ci/run"}  # the second runs this test, and the first as its last step


async def execute(code: str, names: dict[str, Any]) -> None:
    """Run `code`, in which `await` may stand at top level."""
    program = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(program, names)
    if inspect.isawaitable(result):
        await result


@pytest.fixture
async def simulator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A provider whose tasks end at once, at the address that the environment names."""
    async with Simulator(speed=1000.0) as simulator:
        monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-simulated")
        monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", simulator.base_url())
        yield simulator


@pytest.mark.parametrize("code", PYTHON)
async def test_the_python_of_the_readme_runs(code: str, simulator: Simulator, capsys: Any) -> None:
    """Each block on its own, after the imports of the first."""
    ids = simulator.submit(3, duration=0.0, status="SUCCEEDED")
    names: dict[str, Any] = {"__name__": "readme", "task_id": ids[0], "task_ids": ids}
    imports = PYTHON[0].split("async with")[0]
    async with asyncio.timeout(20):
        await execute(imports + code, names)


@pytest.mark.parametrize("line", [line for line in SHELL if line not in RUN_BY_CI])
async def test_the_commands_of_the_readme_run(line: str, simulator: Simulator, tmp_path: Path) -> None:
    """As a shell runs them, with exit code 0."""
    (task_id,) = simulator.submit(1, duration=0.0, status="SUCCEEDED")
    command = tmp_path / "wanpoll"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wanpoll "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ,
        "TASK_ID": task_id,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    shell = await asyncio.create_subprocess_shell(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stdout, stderr = await asyncio.wait_for(shell.communicate(), 30)

    assert shell.returncode == 0, stderr.decode()
    assert stdout


def test_the_commands_that_the_checks_run_exist() -> None:
    """The README's two commands for a fresh machine."""
    assert set(SHELL) >= RUN_BY_CI
    assert "bash .ci/demo" in (ROOT / ".ci" / "run").read_text()
    for line in RUN_BY_CI:
        assert os.access(ROOT / line.split()[1], os.X_OK)


def test_the_table_of_providers_tells_the_defaults() -> None:
    """Key, quota, interval and batch are those of the class, for each of wanpoll's own."""
    for kind in (type(provider) for provider in available().providers.values()):
        facts = (f"`{kind.KEY_VARIABLE}`", f"{kind.QUOTA.requests} a second", f"{kind.INTERVAL:.0f} s", kind.max_batch)
        assert f"| `{kind.__name__}` | {' | '.join(map(str, facts))} |" in README


def test_the_changelog_has_an_unreleased_section() -> None:
    """Written for users, newest first."""
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
