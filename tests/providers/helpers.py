"""What the tests of the providers share: an account with a key, and answers about one task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from wanpoll import Task
from wanpoll._core.readings import Answer, NotYet, Observation, Reading
from wanpoll.providers import DashScope, Reply

TASK = Task("0385dc79-5ff8-4d82-bcb6-000000000000", "dashscope")
SEEN_AT = 1_750_000_000.0
"""When answers come: 2025-06-15 15:06:40 UTC."""


def dashscope(key: str = "sk-0123456789abcdef") -> DashScope:
    return DashScope(key, base_url="https://dashscope.example/api/v1")


def read(document: Any, status: int = 200, *, retry_after: float | None = None, key: str = "sk-0123456789") -> Reading:
    """What DashScope's decoder makes of `document`; bytes are the body itself."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return dashscope(key).read([TASK], Reply(status, body, SEEN_AT, retry_after))


def output(status: str, **fields: Any) -> dict[str, Any]:
    """A document about `TASK`."""
    return {"request_id": "r", "output": {"task_id": TASK.id, "task_status": status, **fields}}


def seen(document: Any) -> Observation:
    """The observation in the answer, which must be there."""
    reading = read(document)
    if isinstance(reading, NotYet):
        return Observation(TASK.id, reading.status)
    assert isinstance(reading, Answer)
    (observation,) = reading.observations
    assert isinstance(observation, Observation)
    return observation


def links(observation: Observation) -> list[tuple[str | None, str]]:
    """Each link with its kind."""
    return [(media.url, media.kind) for media in observation.media]


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """`document` with fields of its output left out."""
    fields = {name: value for name, value in document["output"].items() if name not in names}
    return {**document, "output": fields}


# -- answers that strangers spoiled ------------------------------------------------------------------------------------

# Named one by one: for "all characters" the first example on a fresh machine takes seconds, and the health check fails.
_HOSTILE = 'aZ09 ._:/\\"%\0\n\x7fé\u2028中\ufffd😀'


def junk(*texts: str) -> st.SearchStrategy[Any]:
    """Any JSON, with some of `texts` in it."""
    text = st.text(_HOSTILE, max_size=5)
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
    return st.recursive(
        scalars | st.sampled_from(texts or [""]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    )


@st.composite
def mutated(draw: Any, shapes: Sequence[Any], spoilt: st.SearchStrategy[Any]) -> Any:
    """One of `shapes` with fields dropped, nulled, retyped, doubled, exchanged or put in another order."""
    return _mutate(draw, draw(st.sampled_from(shapes)), spoilt)


def _mutate(draw: Any, value: Any, spoilt: st.SearchStrategy[Any]) -> Any:
    change = draw(st.sampled_from(["keep"] * 10 + ["null", "spoil"]))
    if change != "keep":
        return None if change == "null" else draw(spoilt)
    if isinstance(value, dict):
        kept = [name for name in value if draw(st.integers(0, 9))]
        return {name: _mutate(draw, value[name], spoilt) for name in draw(st.permutations(kept))}
    if isinstance(value, list):
        doubled = [each for each in value for _ in range(draw(st.sampled_from([1, 1, 1, 2])))]
        return [_mutate(draw, each, spoilt) for each in draw(st.permutations(doubled))]
    return value


def encoded_twice(document: Mapping[str, Any], first: Mapping[str, Any]) -> bytes:
    """A body whose object has the members of `first` before those of `document`: equal keys stand twice."""
    pairs = [f"{json.dumps(name)}: {json.dumps(value)}" for each in (first, document) for name, value in each.items()]
    return ("{" + ", ".join(pairs) + "}").encode()
