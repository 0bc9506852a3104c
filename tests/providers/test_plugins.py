"""Providers of other packages: found by name, and no danger to each other."""

from __future__ import annotations

import inspect
import sys

import attrs
import pytest

from tests.packages import GOOD, offer
from wanpoll import Poller, UnknownProvider, providers
from wanpoll.providers import Available, BrokenPlugin, DashScope, Provider, available, find

READY = "from wanpoll.providers import DashScope\nOffered = DashScope(name={name!r}, interval=3.0)\n"

BROKEN = {
    "raises": ("raise RuntimeError('no such luck')", "cannot be imported (RuntimeError: no such luck)"),
    "leaves": ("raise SystemExit(3)", "cannot be imported (SystemExit: 3)"),
    "needs": ("import not_there_at_all", "No module named 'not_there_at_all'"),
    "misspelt": ("def f(:", "cannot be imported (SyntaxError"),
    "empty": ("", "cannot be imported (AttributeError"),
    "number": ("Offered = 5", "is no provider: name a class below"),
    "function": ("def Offered():\n    return 5\n", "is no provider"),
    "alien": ("class Offered:\n    pass\n", "is no provider"),
    "abstract": ("from wanpoll.providers import Provider as Offered\n", "is not complete: ask, decode is missing"),
    "nameless": (
        "from wanpoll.providers import DashScope\nclass Offered(DashScope):\n    NAME = ''\n",
        "cannot be used (",
    ),
    "demanding": (
        "from wanpoll.providers import DashScope\nclass Offered(DashScope):\n    def __init__(self, x): ...\n",
        "cannot be used (TypeError",
    ),
    "hollow": (
        "from wanpoll.providers import DashScope\nclass Offered(DashScope):\n    def __init__(self): ...\n",
        "cannot be used (AttributeError",
    ),
    "clear": (
        "from wanpoll.providers import DashScope\nclass Offered(DashScope):\n"
        "    NAME = 'clear'\n    BASE_URL = 'http://example.com'\n",
        "would travel in the clear",
    ),
    "leaver": ("import asyncio\nraise asyncio.CancelledError", "cannot be imported (asyncio"),
    "rebel": ("class Own(BaseException): ...\nraise Own('boom')", "cannot be imported (rebel.Own: boom)"),
    **{
        name: (
            f"from wanpoll.providers import DashScope\nclass Offered(DashScope):\n    NAME = {name!r}\n    {line}\n",
            reason,
        )
        for name, line, reason in (
            ("hasty", "QUOTA = 5", "quota=5: give a Rate"),
            ("boundless", "QUOTA = None", "quota=None: give a Rate"),
            ("secretive", "KEY_VARIABLE = None", "KEY_VARIABLE=None: give the name of an environment variable"),
            ("listed", "KEY_VARIABLE = ['a']", "KEY_VARIABLE=['a']"),
            ("cut_off", "KEY_VARIABLE = 'A\\0B'", "KEY_VARIABLE="),
            ("nowhere", "BASE_URL = 5", "base_url="),
            ("greedy", "max_batch = 'x'", "max_batch='x': give a whole number from 1"),
            ("batchless", "max_batch = None", "max_batch=None"),
            ("swollen", "max_body = 0", "max_body=0"),
            ("unruly", "ERRORS = None", "ERRORS=None: give a tuple of ErrorRule"),
            ("pathless", "ID_PATHS = 'id'", "ID_PATHS='id': give a tuple of str"),
            ("dividing", "can_cancel = property(lambda self: 1 / 0)", "ZeroDivisionError"),
            ("leaving", "can_refresh = property(lambda self: exit(3))", "SystemExit"),
            ("vague", "can_refresh = 'x'", "can_refresh='x': give True or False"),
            ("lazy", "INTERVAL = 'x'", "interval='x'"),
        )
    },
    "taker": (
        "from wanpoll.providers import DashScope\nclass Offered(DashScope): ...\n",
        "calls itself 'dashscope', a name that is taken",
    ),
    "singer": (
        "raise RuntimeError('https://h.example/a?Signature=canary sk-canary-key')",
        "cannot be imported (RuntimeError: https://h.example/a?*** sk-***)",
    ),
    "mute": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "cannot be imported (",
    ),
}
"""Modules whose provider cannot be used, and what is said of each."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place for packages on the path of this process; its modules are forgotten in the end."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_own_providers():
    """All complete classes that `wanpoll.providers` exports are there, each under its own name, without a key."""
    found = available().providers
    own = {
        kind.NAME: kind
        for kind in map(vars(providers).get, providers.__all__)
        if inspect.isclass(kind)
        and issubclass(kind, Provider)
        and not inspect.isabstract(kind)
        and "NAME" in vars(kind)
    }

    assert own.items() <= {name: type(each) for name, each in found.items()}.items()
    assert all(each.name == name and each.api_key is None for name, each in found.items())
    assert type(find("dashscope")) is DashScope


def test_a_class_and_a_ready_provider(folder):
    """An entry point names a class or a provider that is made already; both are found by the provider's own name."""
    offer(folder, "offered_class", GOOD.format(name="a class"))
    offer(folder, "offered_ready", READY.format(name="ready"))
    found = available()

    assert {"a class", "ready", "dashscope"} <= set(found.providers)
    assert found.broken == ()
    assert (find("a class").name, find("ready").interval) == ("a class", 3.0)
    assert Poller(find("ready").configured("sk-a", name="mine"))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_neighbour(folder, name):
    """A package that is broken, in whatever way, is told with its reason, and all others are found."""
    code, reason = BROKEN[name]
    offer(folder, name, code)
    offer(folder, "neighbour", GOOD.format(name="neighbour"))
    found = available()
    (broken,) = found.broken

    assert (broken.name, broken.package) == (name, name)
    assert reason in broken.reason
    assert "canary" not in str(broken)
    assert {"neighbour", "dashscope"} <= set(found.providers)
    assert type(found.providers["dashscope"]) is DashScope
    assert find("neighbour").name == "neighbour"
    with pytest.raises(UnknownProvider) as caught:
        find(name)
    assert str(caught.value) == str(broken)
    assert "update the package, or uninstall it" in str(broken)


def test_an_unknown_name(folder):
    """The error for a name that nobody has lists those that there are, and those that cannot be used."""
    offer(folder, "broken_one", "raise RuntimeError")

    with pytest.raises(UnknownProvider, match="provider 'nobody': give one of dashscope.*broken_one cannot be used"):
        find("nobody")


def test_own_names_need_no_packages(folder):
    """Who asks for one of wanpoll's own does not import what others offer."""
    offer(folder, "noisy", "raise RuntimeError")
    find("dashscope")

    assert "noisy" not in sys.modules
    with pytest.raises(UnknownProvider):
        find("noisy")


def test_two_of_one_name(folder):
    """Of two packages that offer the same name one is used, and the other is told."""
    offer(folder, "first_one", GOOD.format(name="same"))
    offer(folder, "second_one", GOOD.format(name="same"))
    found = available()

    assert "same" in found.providers
    assert [each.reason for each in found.broken] == ["calls itself 'same', a name that is taken"]


def test_a_package_that_is_there_twice(folder, tmp_path_factory, monkeypatch):
    """A package in two folders of the path is one package."""
    offer(folder, "doubled", GOOD.format(name="doubled"))
    again = tmp_path_factory.mktemp("again")
    offer(again, "doubled", GOOD.format(name="doubled"))
    monkeypatch.syspath_prepend(again)

    assert available().broken == ()


def test_metadata_that_cannot_be_read(folder):
    """A package whose list of entry points is no such list offers nothing, and hides nobody."""
    offer(folder, "garbled", "", entry_points="[wanpoll.providers]\nno equals sign here\n")
    offer(folder, "beside", GOOD.format(name="beside"))

    assert "beside" in available().providers


def test_values():
    """What is available is a frozen value."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Available({}).broken = (BrokenPlugin("a", "b", "c"),)  # type: ignore[misc]
