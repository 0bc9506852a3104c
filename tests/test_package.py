"""What the package promises to importers."""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import attrs
import pytest

import wanpoll
import wanpoll.observers
import wanpoll.providers
import wanpoll.simulator
import wanpoll.testing
from wanpoll import Outcome, Status, Task, WaitTimeout

PUBLIC = [wanpoll, wanpoll.exceptions, wanpoll.observers, wanpoll.providers, wanpoll.simulator, wanpoll.testing]


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_exports_exist_and_are_told_once(module: object) -> None:
    """`__all__` is the truth."""
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


def test_public_names_say_that_they_are_public() -> None:
    """Tracebacks and documentation read `wanpoll.Poller`, not the file that it lives in."""
    for name in wanpoll.__all__:
        assert getattr(wanpoll, name).__module__ == "wanpoll"


def test_the_types_of_public_values_can_be_looked_up() -> None:
    """By cattrs and pydantic, for instance, in the code of users."""
    for module in (wanpoll, wanpoll.observers, wanpoll.providers):
        for name in module.__all__:
            if attrs.has(getattr(module, name)):
                assert get_type_hints(getattr(module, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Loading names late changes nothing about wrong ones."""
    with pytest.raises(AttributeError, match="no attribute 'Pollar'"):
        wanpoll.Pollar  # noqa: B018


def test_importing_wanpoll_does_not_import_the_http_client() -> None:
    """It costs a third of a second."""
    code = "import sys, wanpoll; sys.exit('aiohttp' in sys.modules or 'asyncio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(wanpoll.__file__).parent.parent)


def test_every_module_says_what_it_is_for() -> None:
    """One docstring each."""
    for info in pkgutil.walk_packages(wanpoll.__path__, "wanpoll."):
        if not info.name.endswith("__main__"):
            assert importlib.import_module(info.name).__doc__, info.name


def test_errors_and_outcomes_survive_pickling() -> None:
    """They cross process borders: caches, worker queues."""
    task = Task("a", "dashscope")
    outcome = Outcome(task, Status.SUCCEEDED, usage={"duration": 5}, raw={"output": {}})
    error = pickle.loads(pickle.dumps(WaitTimeout(5.0, [task])))

    assert pickle.loads(pickle.dumps(outcome)) == outcome
    assert (error.timeout, error.open_tasks) == (5.0, (task,))
    assert pickle.loads(pickle.dumps(task)).context is task.context


def test_the_shared_empty_mapping_stays_empty() -> None:
    """A default that one caller filled would be everybody's."""
    context = Task("a").context

    for change in (
        lambda: context.update(a=1),
        lambda: context.setdefault("a", 1),
        lambda: context.__setitem__("a", 1),
    ):
        with pytest.raises(TypeError):
            change()
    assert json.dumps(context) == "{}"


def test_the_package_is_typed() -> None:
    """Type checkers look for the marker."""
    assert (Path(wanpoll.__file__).parent / "py.typed").exists()


def test_the_repr_of_an_outcome_holds_no_documents_of_the_provider() -> None:
    """Either may hold a signed URL."""
    signed = {"url": "https://h.example/x?Signature=CANARY"}

    assert "CANARY" not in repr(Outcome(Task("a", context=signed), Status.SUCCEEDED, usage=signed, raw=signed))
