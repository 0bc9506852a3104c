"""The systems that wanpoll can wait for. One file each: words, codes and paths as data, and a pure decoder.

To add one, fill in a `JsonProvider`, or subclass `Provider` (see `base.py`, and `dashscope.py` for an example).
"""

from wanpoll._core.readings import (
    NOT_YET,
    Answer,
    Listed,
    Missed,
    NoSuchTask,
    NotYet,
    Observation,
    Reading,
    Refused,
    Rejected,
)
from wanpoll.providers.acedata import AceData
from wanpoll.providers.anyfast import AnyFast
from wanpoll.providers.ark import Ark
from wanpoll.providers.base import Provider
from wanpoll.providers.dashscope import DashScope
from wanpoll.providers.exchange import Explanation, Reply, Request
from wanpoll.providers.json_provider import JsonProvider, JsonRules
from wanpoll.providers.minimax import MiniMax
from wanpoll.providers.plugins import Available, BrokenPlugin, available, find
from wanpoll.providers.replicate import Replicate
from wanpoll.providers.rules import ErrorRule, MediaPath, Verdict
from wanpoll.providers.vapi import VApi

__all__ = [
    "DashScope",
    "AceData",
    "AnyFast",
    "VApi",
    "MiniMax",
    "Replicate",
    "Ark",
    "JsonProvider",
    "JsonRules",
    "Provider",
    "Request",
    "Reply",
    "Explanation",
    "Reading",
    "NotYet",
    "NOT_YET",
    "Answer",
    "Observation",
    "Listed",
    "NoSuchTask",
    "Missed",
    "Refused",
    "Rejected",
    "ErrorRule",
    "MediaPath",
    "Verdict",
    "available",
    "find",
    "Available",
    "BrokenPlugin",
]

for _public in (
    DashScope,
    AceData,
    AnyFast,
    VApi,
    MiniMax,
    Replicate,
    Ark,
    JsonProvider,
    JsonRules,
    Provider,
    Request,
    Reply,
    Explanation,
    NotYet,
    Answer,
    Observation,
    Listed,
    NoSuchTask,
    Missed,
    Refused,
    Rejected,
    ErrorRule,
    MediaPath,
    Verdict,
    Available,
    BrokenPlugin,
    available,
    find,
):
    _public.__module__ = "wanpoll.providers"
