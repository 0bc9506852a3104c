"""Documents that no provider ever sent: junk, and recorded shapes that were bent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.providers.helpers import SEEN_AT
from wanpoll._core.readings import Answer, Missed, NotYet, Observation, Refused, Rejected
from wanpoll.exceptions import DecodeError
from wanpoll.providers import Reply

LINK = "https://h.example/o.mp4?Expires=1751000000&Signature=a%2Fb%2Bc%3D"
ELSEWHERE = "https://elsewhere.example/input.png"
"""A link that stands at no listed path."""

RETRY, SLOW, SPENT, REFUSED, REJECTED = "retry", "slow down", "maybe spent", "refused", "rejected"

statuses = st.sampled_from([200, 200, 200, 200, 400, 401, 403, 404, 429, 500, 502])

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def reply(document: Any, status: int = 200, **fields: Any) -> Reply:
    """An answer with `document`; bytes are the body itself."""
    return Reply(status, document if isinstance(document, bytes) else json.dumps(document).encode(), SEEN_AT, **fields)


def junk(*words: Any) -> st.SearchStrategy[Any]:
    """Any JSON, with `words` among its values."""
    return st.recursive(
        _scalars | st.sampled_from([ELSEWHERE, 2**64, 10**20, *words]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )


@st.composite
def bent(draw: Any, shapes: Sequence[Any], *words: Any) -> Any:
    """One of `shapes` with fields dropped, nulled, retyped, doubled or put in another order."""
    return _bend(draw, draw(st.sampled_from(shapes)), junk(*words))


def _bend(draw: Any, value: Any, other: Any) -> Any:
    if draw(st.integers(0, 9)) == 9:
        return draw(other)
    if isinstance(value, dict):
        kept = [name for name in value if draw(st.integers(0, 9)) < 9]
        return {name: _bend(draw, value[name], other) for name in draw(st.permutations(kept))}
    if isinstance(value, list):
        return [_bend(draw, each, other) for each in value] * draw(st.integers(1, 2))
    return value


def ends(reading: Any) -> Iterator[Observation]:
    """The observations of an end in `reading`, which must be a reading; one to be completed is none yet."""
    assert isinstance(reading, NotYet | Answer | Missed | Refused | Rejected)
    for part in reading.observations if isinstance(reading, Answer) else ():
        if isinstance(part, Observation) and part.status and part.status.is_final and part.follow_up is None:
            yield part


def links(observation: Observation) -> list[tuple[str | None, str]]:
    """Each link with its kind."""
    return [(media.url, media.kind) for media in observation.media]


def kind_of(reading: Any) -> str:
    """What an error came to."""
    if isinstance(reading, Refused):
        return REFUSED
    if isinstance(reading, Rejected):
        return REJECTED
    assert isinstance(reading, Missed), reading
    return SPENT if reading.spent else SLOW if reading.throttled else RETRY


def is_unreadable(reading: Any) -> bool:
    """Whether the answer was a missed poll because it could not be read."""
    return isinstance(reading, Missed) and isinstance(reading.problem, DecodeError) and not reading.throttled


def one(reading: Any) -> Observation:
    """The only observation of an answer."""
    if isinstance(reading, NotYet):
        return Observation("", reading.status)
    assert isinstance(reading, Answer), reading
    (observation,) = reading.observations
    assert isinstance(observation, Observation)
    return observation
