"""Ids that are whole numbers on the wire: text everywhere, digit by digit, whoever the provider is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.providers.documents import LINK, is_unreadable, one, reply
from tests.providers.recorded.json_provider import LEAST
from wanpoll import Status, Task
from wanpoll.providers import AceData, AnyFast, Ark, DashScope, JsonProvider, MediaPath, MiniMax, Provider, VApi
from wanpoll.testing import Sample, contract

KEY = "sk-0123456789abcdef"
DATA = LEAST | {"id": "job.id", "media": (MediaPath("url", "video"),)}

RUNNING: dict[str, tuple[Provider, Callable[[Any], Any]]] = {
    "DashScope": (DashScope(KEY), lambda id_: {"output": {"task_id": id_, "task_status": "RUNNING"}}),
    "AceData": (AceData(KEY), lambda id_: {"id": id_, "response": {"state": "running"}}),
    "AceData batch": (AceData(KEY), lambda id_: {"items": [{"id": id_, "response": {"state": "running"}}]}),
    "AnyFast": (AnyFast(KEY), lambda id_: {"code": "success", "data": {"task_id": id_, "status": "IN_PROGRESS"}}),
    "MiniMax": (MiniMax(KEY), lambda id_: {"task_id": id_, "status": "Processing", "base_resp": {"status_code": 0}}),
    "VApi": (VApi(KEY), lambda id_: {"task_id": id_, "status": "Processing", "base_resp": {"status_code": 0}}),
    "Ark": (Ark(KEY), lambda id_: {"id": id_, "status": "running"}),
    "Ark list": (Ark(KEY), lambda id_: {"items": [{"id": id_, "status": "running"}], "total": 1}),
    "JsonProvider": (JsonProvider(KEY, **DATA), lambda id_: {"job": {"id": id_}, "status": "running"}),
}
"""For each provider an answer about a task that runs, by its id."""

IDS = (314, 12345678901234567890, 18446744073709551617, 99999999999999999999123)
each = pytest.mark.parametrize("name", RUNNING)
ids = pytest.mark.parametrize("task_id", IDS)


@each
@ids
def test_a_number_is_the_text_of_its_digits(name, task_id):
    """A whole number is read as the id that it spells, above 64 bits as well; its neighbour is another task."""
    provider, running = RUNNING[name]
    mine = [Task(str(task_id))]

    assert one(provider.read(mine, reply(running(task_id)))).status is Status.RUNNING
    other = provider.read(mine, reply(running(task_id + 1)))
    assert is_unreadable(other) or other.observations == ()


@each
@ids
def test_explained_without_being_told(name, task_id):
    """An explanation finds the id in the answer, and means what reading does."""
    provider, running = RUNNING[name]
    reading = provider.explain(reply(running(task_id))).reading

    assert one(reading).status is Status.RUNNING
    assert one(reading).task_id in (str(task_id), "")  # AnyFast's is the shared "not yet", which names none


class Unechoed(JsonProvider):
    """Does not look at the id that is echoed."""

    def decode(self, tasks: Any, reply: Any) -> Any:
        said = json.loads(reply.body) if reply.body[:1] == b"{" and reply.status == 200 else None
        if isinstance(said, dict) and isinstance(said.get("job"), dict):
            said["job"] = {"id": tasks[0].id}
            return super().decode(tasks, type(reply)(200, json.dumps(said).encode(), reply.received_at))
        return super().decode(tasks, reply)


@ids
def test_the_contract_sees_numbers(task_id):
    """The contract finds ids that are numbers: who ignores them fails, who reads them passes."""
    samples = [
        Sample({"job": {"id": task_id}, "status": "running"}, Status.RUNNING, task=str(task_id)),
        Sample({"job": {"id": task_id}, "status": "done", "url": LINK}, Status.SUCCEEDED, task=str(task_id)),
    ]
    for check in contract(JsonProvider(KEY, **DATA), samples):
        check()
    (echo,) = [each for each in contract(Unechoed(KEY, **DATA), samples) if "names another task" in str(each)]
    with pytest.raises(AssertionError, match="names another one"):
        echo()
