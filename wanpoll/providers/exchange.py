"""What goes to a provider and what comes back: one question, one answer, and why it means what it means.

(Annotations are evaluated in this file: `typing.get_type_hints` looks them up in the public module.)
"""

import re
from collections.abc import Mapping

from attrs import field, frozen

from wanpoll._core.model import NOTHING
from wanpoll._core.readings import Reading
from wanpoll.exceptions import UsageError

_BREAKS = re.compile(r"[\r\n\0]")


@frozen
class Request:
    """One question: what to send. `headers` come on top of the provider's own."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default=NOTHING, repr=False)
    body: bytes | None = field(default=None, repr=False)


def sendable(request: Request) -> Request:
    """`request`, if its headers can be sent. Raises `UsageError`, without values, for one with a line break."""
    for name, value in request.headers.items():
        if _BREAKS.search(f"{name}{value}"):
            raise UsageError(f"the header {name[:40]!r} holds a line break or a NUL: mend what signs requests")
    return request


@frozen
class Reply:
    """One answer. `received_at` is Unix seconds.

    `retry_after` is how many seconds an error wants to be left alone, `poll_after` how many an answer that is none
    does (`Retry-After`, `openai-poll-after-ms`); None where the server does not say.
    """

    status: int
    body: bytes = field(repr=False)
    received_at: float
    retry_after: float | None = None
    poll_after: float | None = None


@frozen
class Explanation:
    """What an answer means, and why: which rule decided what, in the order of deciding."""

    reading: Reading
    notes: tuple[str, ...]
