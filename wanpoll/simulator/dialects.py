"""The dialects that one simulator speaks side by side, and where each is found."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from wanpoll.exceptions import UsageError
from wanpoll.simulator import dashscope
from wanpoll.simulator.acedata import AceDataDialect
from wanpoll.simulator.anyfast import AnyFastDialect
from wanpoll.simulator.dashscope import DashScopeDialect
from wanpoll.simulator.dialect import Dialect
from wanpoll.simulator.minimax import MiniMaxDialect
from wanpoll.simulator.vapi import VApiDialect


@frozen
class Spoken:
    """A dialect that is spoken here.

    `mount` is where its paths begin, "" for the root; `prefix` is what a client's base URL has after that.
    `provider` is the class in `wanpoll.providers` that asks in this dialect, `key_variable` where that looks for a
    key.
    """

    kind: type[Dialect]
    mount: str
    prefix: str
    provider: str
    key_variable: str


DEFAULT = "dashscope"

DIALECTS: Mapping[str, Spoken] = {
    DEFAULT: Spoken(DashScopeDialect, "", dashscope.PREFIX, "DashScope", "DASHSCOPE_API_KEY"),
    "acedata": Spoken(AceDataDialect, "/acedata", "", "AceData", "ACEDATACLOUD_API_TOKEN"),
    "anyfast": Spoken(AnyFastDialect, "/anyfast", "", "AnyFast", "ANYFAST_API_KEY"),
    "vapi": Spoken(VApiDialect, "/vapi", "", "VApi", "VAPI_API_KEY"),
    "minimax": Spoken(MiniMaxDialect, "/minimax", "/v1", "MiniMax", "MINIMAX_API_KEY"),
}
"""Every dialect by the name that the simulator's methods take. DashScope's stands at the root."""


def dialect_named(name: str) -> Spoken:
    """The dialect of that name, else `UsageError`."""
    spoken = DIALECTS.get(name)
    if spoken is None:
        raise UsageError(f"dialect={name!r}: give one of {', '.join(DIALECTS)}")
    return spoken
