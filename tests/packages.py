"""Packages that offer providers, made for a test."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

GOOD = "from wanpoll.providers import DashScope\n\n\nclass Offered(DashScope):\n    NAME = {name!r}\n"
"""A module with a provider of its own."""


def offer(folder: Path, name: str, code: str, *, entry_points: str | None = None) -> None:
    """Put a package into `folder` as an installer would; by default it offers `Offered` under the package's name."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points or f"[wanpoll.providers]\n{name} = {name}:Offered\n")


BACKEND = '''
"""Builds the wheel of the package beside it: as small as a build backend can be, so that nothing is downloaded."""

import pathlib
import sys

sys.path.append({tests!r})
from tests.packages import write_wheel


def build_wheel(folder, settings=None, metadata=None):
    return write_wheel(pathlib.Path(__file__).parent, pathlib.Path(folder), {name!r})
'''

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "1.0"

[project.entry-points."wanpoll.providers"]
{name} = "{name}:Offered"
"""


def project(folder: Path, name: str, code: str) -> Path:
    """A folder from which pip can install the package `name`."""
    source = folder / f"{name}-source"
    source.mkdir()
    (source / f"{name}.py").write_text(code)
    (source / "backend.py").write_text(BACKEND.format(tests=str(Path(__file__).parents[1]), name=name))
    (source / "pyproject.toml").write_text(PROJECT.format(name=name))
    return source


def write_wheel(source: Path, folder: Path, name: str) -> str:
    """The wheel of the project in `source`, with the entry points of its pyproject.toml; its file's name."""
    import tomllib

    offered = tomllib.loads((source / "pyproject.toml").read_text())["project"]["entry-points"]["wanpoll.providers"]
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": (source / f"{name}.py").read_text(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[wanpoll.providers]\n" + "".join(f"{a} = {b}\n" for a, b in offered.items()),
    }
    files[f"{info}/RECORD"] = "".join(map(_recorded, files, files.values())) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return f"{name}-1.0-py3-none-any.whl"


def _recorded(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(text.encode())}\n"
