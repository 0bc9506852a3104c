"""Webhooks: somebody says that a task changed, so it is polled next. A call decides nothing else.

However often calls come, the poller asks about one task not more often than every fifteenth of its interval (a second
at most providers), inside the quota; a call that comes in between is remembered.

Ace Data Cloud posts once to `callback_url`, with the body of its synchronous answer, unsigned. MiniMax asks for its
`challenge` to be echoed within 3 seconds, then posts states, unsigned. DashScope's EventBridge posts CloudEvents of
type `dashscope:System:AsyncTaskFinish` with `data.task_id`, at least once, up to 90 seconds late. Others (Replicate)
sign by Standard Webhooks (standardwebhooks.com).
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers

from wanpoll.exceptions import DecodeError, InvalidTaskId, UnknownProvider, UsageError
from wanpoll.fastapi._bodies import MOST_BYTES as MOST_SIGNED_BYTES
from wanpoll.fastapi._bodies import body_of, problem_route, too_large
from wanpoll.fastapi._names import naming
from wanpoll.fastapi._problems import ANY_OTHER, ProblemResponse, described, refusal
from wanpoll.fastapi._room import Room
from wanpoll.providers.wire import decode, id_text

TOLERANCE_SECONDS = 300
"""How old or how far ahead a signed call may be: the specification's advice, five minutes."""

MOST_BYTES = 1 << 16
"""Of one call that nobody signed: DashScope's events hold no result, Ace's the links of one. A signed call may be as
long as any body: Replicate posts the whole prediction, its inputs with it."""

MOST_NESTED = 2_000
"""Opening brackets in a call that nobody signed: 64 KiB of nothing else would take 5 to 8 ms to read, in which all else
waits."""

_MOST_SIGNATURES = 10
_MOST_CHALLENGE = 1_000
_ID_PATHS = (("data", "task_id"), ("task_id",), ("data", "id"), ("id",))
# a CloudEvent's own `id` names the event: it is looked at last, and is nobody's task


_ECHO: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "MiniMax's challenge, echoed",
        "content": {"application/json": {"example": {"challenge": "c"}}},
    }
}
_BODY: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {}, "example": {"data": {"task_id": "0385dc79"}}}},
    }
}


class Secrets:
    """The secrets of one sender; several while one is being replaced. Without any, its calls are not signed."""

    def __init__(self, provider: str, given: str | Sequence[str] | None) -> None:
        self._keys = [] if given is None else [_key(provider, each) for each in _secrets(provider, given)]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._keys)}>"

    def accept(self, headers: Headers, body: bytes, now: float) -> bool:
        """Whether one of the signatures in `headers` is right for `body`, and of these minutes."""
        ident, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not ident or not stamp.isascii() or not stamp.isdigit() or abs(now - int(stamp[:12])) > TOLERANCE_SECONDS:
            return False
        signed = b".".join((ident.encode(), stamp.encode(), body))
        right = [b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in self._keys]
        given = [each.encode() for each in headers.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]]
        return any([hmac.compare_digest(one, other) for one in given for other in right])  # noqa: C419 - all, always


def check_senders(senders: Any, providers: Sequence[str]) -> None:
    """Raise `UsageError` unless `senders` maps names among `providers`."""
    if not isinstance(senders, Mapping):
        kind = type(senders).__name__
        raise UsageError(f'webhooks: map names to secrets, as in {{"replicate": "whsec_..."}}; a {kind} is no mapping')
    for name in senders:
        if name not in providers:
            raise UsageError(f"webhooks: {name!r} is none of {', '.join(providers)}")


def _secrets(provider: str, given: Any) -> Sequence[str]:
    secrets = given if isinstance(given, list | tuple) else (given,)
    for each in secrets:
        if not isinstance(each, str):
            kind = type(each).__name__
            raise UsageError(f"webhooks[{provider!r}]: give a secret as text, a list of them, or None; not a {kind}")
    if not given:  # a mistake, which would accept everybody
        raise UsageError(f"webhooks: no secrets for {provider!r}; give one, or None for a sender that signs nothing")
    return secrets


def _key(provider: str, secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise UsageError(f"webhooks[{provider!r}]: not a Standard Webhooks secret; give it as 'whsec_' and base64")
    return key


def ids_in(document: Any) -> Iterator[str]:
    """Where a call may name its task, the likeliest first."""
    for path in _ID_PATHS:
        found = document
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if (task_id := id_text(found)) is not None:
            yield task_id


class Webhooks:
    """`POST /webhooks/{provider}` for the senders that the app names."""

    def __init__(self, room_of: Callable[[], Room], senders: Mapping[str, str | Sequence[str] | None]) -> None:
        self._secrets = {name: Secrets(name, given) for name, given in senders.items()}
        self._room_of = room_of

    def router(self) -> APIRouter:
        """A router with the one route."""
        router = APIRouter(route_class=problem_route(self._room_of), tags=["webhooks"])
        router.add_api_route(
            "/webhooks/{provider}",
            naming(self.receive, self._secrets),
            methods=["POST"],
            status_code=204,
            response_class=ProblemResponse,
            summary="Something says that a task changed",
            responses={**described(400, 401, 404, 408, 413, 503), **ANY_OTHER, **_ECHO},
            openapi_extra=dict(_BODY),
        )
        return router

    async def receive(self, request: Request, provider: str) -> Response:
        """The task that the body names is polled next. Unknown tasks and repeated calls are accepted and ignored.

        A body over 64 KiB (1 MiB where a signature is asked for) is refused unread, one that does not come within half
        a minute, too, and without a signature one of over 2,000 objects and lists.
        """
        secrets = self._secrets.get(provider)
        if secrets is None:
            raise UnknownProvider(f"provider={provider!r}: no webhooks are expected from there")
        body = await body_of(request, self._room_of(), MOST_SIGNED_BYTES if secrets else MOST_BYTES)
        if isinstance(body, Response):
            return body
        if secrets and not secrets.accept(request.headers, body, time.time()):
            return refusal(401, "bad-signature", "The signature is missing, wrong or too old.")
        if not secrets and body.count(b"{") + body.count(b"[") > MOST_NESTED:
            return too_large(f"Give at most {MOST_NESTED} opening brackets.")
        try:
            document = decode(provider, body)
        except DecodeError:
            return refusal(400, "unreadable", "The body is not JSON.")
        if (challenge := _challenge(document)) is not None:
            return JSONResponse({"challenge": challenge})
        self._tell(provider, document)
        return Response(status_code=204)

    def _tell(self, provider: str, document: Any) -> None:
        poller = self._room_of().poller
        for task_id in ids_in(document):
            with contextlib.suppress(InvalidTaskId):
                if poller.nudge(task_id, provider):
                    return


def _challenge(document: Any) -> str | None:
    challenge = document.get("challenge") if isinstance(document, Mapping) else None
    return challenge if isinstance(challenge, str) and len(challenge) <= _MOST_CHALLENGE else None
