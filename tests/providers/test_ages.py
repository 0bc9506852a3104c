"""Answers about tasks that have not ended tell their age and their class, where the provider does."""

from datetime import UTC, datetime

import pytest

from tests.providers.documents import reply
from wanpoll import Status, Task
from wanpoll._core.readings import Answer, Observation
from wanpoll.providers import AceData, AnyFast, Ark, DashScope, JsonProvider, Replicate

AT = datetime(2026, 3, 1, 9, 38, 24, tzinfo=UTC)
UNIX = int(AT.timestamp())
WORDS = {"busy": Status.RUNNING, "done": Status.SUCCEEDED}

ANSWERS = [
    (
        DashScope("sk-0123456789"),
        {"output": {"task_id": "t", "task_status": "RUNNING", "submit_time": "2026-03-01 17:38:24.000"}},
        None,
    ),
    (AceData("key-0123456789"), {"id": "t", "created_at": UNIX, "response": {"status": "processing"}}, None),
    (
        AnyFast("key-0123456789"),
        {
            "code": "success",
            "data": {"task_id": "t", "status": "IN_PROGRESS", "action": "textGenerate", "submit_time": UNIX},
        },
        "textGenerate",
    ),
    (Ark("key-0123456789"), {"id": "t", "status": "running", "model": "seedance", "created_at": UNIX}, "seedance"),
    (
        Replicate("key-0123456789"),
        {"id": "t", "status": "processing", "model": "wan/t2v", "created_at": AT.isoformat()},
        "wan/t2v",
    ),
    (
        JsonProvider(
            "key-0123456789",
            name="own",
            base_url="https://api.example/v1",
            key_variable="OWN_KEY",
            path="tasks/{id}",
            words=WORDS,
            times=("born", None, None),
            kind="what.model",
        ),
        {"status": "busy", "born": UNIX * 1000, "what": {"model": "m"}},
        "m",
    ),
]


@pytest.mark.parametrize(("provider", "document", "kind"), ANSWERS, ids=lambda value: getattr(value, "name", ""))
def test_age_and_class(provider, document, kind):
    """When an answer is read in full; in short, it may be one of the two shared values."""
    provider = provider.bind({})
    task = Task("t", provider.name)
    reading = provider.thorough().read([task], reply(document))

    assert isinstance(reading, Answer)
    (seen,) = reading.observations
    assert isinstance(seen, Observation)
    assert (seen.status, seen.submitted_at, seen.kind) == (Status.RUNNING, AT, kind)


@pytest.mark.parametrize("odd", [None, 5, [], {}, "", True])
def test_a_class_that_is_no_text_is_none(odd):
    """Nothing else is made of it."""
    task = Task("t", "replicate")
    answer = {"id": "t", "status": "processing", "model": odd}
    reading = Replicate("key-0123456789").bind({}).thorough().read([task], reply(answer))

    assert reading.observations[0].kind is None
