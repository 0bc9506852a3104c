"""The only file that speaks HTTP to providers. It moves bytes: every outcome is a value, a `Reply` or a `Missed`.

No exception of aiohttp leaves this file, not even chained: the repr of one holds the key, the text of another the
whole signed URL.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import aiohttp
from yarl import URL

from wanpoll._core.readings import Missed
from wanpoll.exceptions import TransportError, UsageError
from wanpoll.providers.base import Provider
from wanpoll.providers.exchange import Reply, Request

KEEP_ALIVE = 75.0
"""Seconds. aiohttp's own 15 s are the very interval that providers advise: every poll would reconnect."""

CONNECT_TIMEOUT = 10.0
"""Seconds to connect. The whole question is bounded by the core, which ends it after its own time."""

_RESETS_RETRIED = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)
_INFLATE = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class Transport(Protocol):
    """What carries questions. `HttpTransport` is the real one; tests script their own."""

    async def send(self, provider: Provider, request: Request) -> Reply | Missed:
        """Ask, and return the answer or why there is none. Never raises, except when canceled."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections."""


class HttpTransport:
    """Questions over aiohttp: one pool of connections, one session for each account.

    `proxy` is the URL of an HTTP proxy; the environment's proxy variables are not read (`trust_env` makes each
    request three times dearer). `ssl` is an `ssl.SSLContext` for private certificates.
    """

    def __init__(self, *, proxy: str | None = None, ssl: Any = True) -> None:
        self._proxy = proxy
        self._ssl = ssl
        self._connector: _Connector | None = None
        self._sessions: dict[tuple[str, str | None, str | None], aiohttp.ClientSession] = {}

    async def send(self, provider: Provider, request: Request) -> Reply | Missed:
        """Ask `provider`. Raises `UsageError` when the request would carry the key to another host."""
        if not request.url.startswith(f"{provider.base_url}/"):
            raise UsageError(f"{provider.name}: a request left base_url; its key stays home")
        session = self._sessions.get(_account(provider)) or self._open(provider)
        failed: _Failed
        try:
            # Encoded already: yarl would turn the %2F of a signature into a slash.
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers or None,
                data=request.body,
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                body = await _read(response, provider.max_body)
                return _reply(response, body)
        except _Failed as error:
            failed = error
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            failed = _failure(error)
        problem = TransportError(provider.name, failed.kind, detail=failed.detail)
        return Missed(problem, at_once=failed.unread)

    async def aclose(self) -> None:
        """Close all connections."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    def _open(self, provider: Provider) -> aiohttp.ClientSession:
        if self._connector is None:
            # No limit: how many questions are under way is the core's decision.
            self._connector = _Connector(limit=0, keepalive_timeout=KEEP_ALIVE, ssl=self._ssl)
            _keep_receive_buffers()
        session = self._sessions[_account(provider)] = aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            headers={"Accept-Encoding": "identity", **provider.headers()},
            # A timer for each request costs a tenth of it: the core ends overdue questions by one sweep.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            requote_redirect_url=False,
            middlewares=(self._connector.no_silent_retry,),
        )
        return session


def _keep_receive_buffers() -> None:
    """Have glibc serve asyncio's receive buffers from memory that the process has.

    asyncio receives into 256 KiB, which glibc maps and unmaps each time: two page faults, a sixth of a poll's CPU. It
    stops when something larger was mapped and freed once, as happens by chance in one process and not in another.
    """
    bytearray(1 << 20)


def _account(provider: Provider) -> tuple[str, str | None, str | None]:
    """Who asks. The name alone is not enough: pollers may share a transport, and each has its own keys."""
    return provider.name, provider.base_url, provider.api_key


class _Failed(Exception):
    """Why there is no reply. `unread` when the connection had been idle, and may have been dead all along."""

    def __init__(self, kind: str, detail: str = "", *, unread: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail
        self.unread = unread


class _Connector(aiohttp.TCPConnector):
    """A pool that knows which requests went out on a connection made for them, and which on one that had been idle."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._on_fresh: set[int] = set()

    async def _create_connection(self, req: Any, *rest: Any, **more: Any) -> Any:
        self._on_fresh.add(id(req))
        return await super()._create_connection(req, *rest, **more)

    async def no_silent_retry(
        self, request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[Any]]
    ) -> Any:
        """Keep aiohttp from repeating a GET by itself: the second request would be outside the quota.

        A connection that had been idle may have been dead; one that was made for the request was not.
        """
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except _RESETS_RETRIED:
            unread = id(request) not in self._on_fresh
        finally:
            self._on_fresh.discard(id(request))
        raise _Failed("disconnected", "the connection ended before an answer", unread=unread)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, inflated: at most `most` bytes of it, on the wire and after."""
    content = response.content
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        chunk = await content.readany()
        size += len(chunk)
        if size > most:
            response.close()
            raise _Failed("too large", f"more than {most} bytes")
        chunks.append(chunk)
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = response.headers.get("Content-Encoding")
    return body if not encoding or not body else _inflate(body, encoding.strip().lower(), most)


def _inflate(body: bytes, encoding: str, most: int) -> bytes:
    """Asked for plain bytes, some gateways send packed ones; half a megabyte of them may hold a gigabyte."""
    if encoding == "identity":
        return body
    if encoding not in _INFLATE:
        raise _Failed("encoding", "an encoding that was not asked for")
    inflater = zlib.decompressobj(_INFLATE[encoding])
    try:
        plain = inflater.decompress(body, most)
    except zlib.error:
        raise _Failed("encoding", "broken compression") from None
    if len(plain) >= most and not inflater.eof:
        raise _Failed("too large", f"more than {most} bytes")
    if not inflater.eof:
        raise _Failed("encoding", "compression that breaks off")
    return plain


def _failure(error: Exception) -> _Failed:
    """A kind and a harmless text for an exception that must not be shown itself."""
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
        return _Failed("tls", "the server's certificate or handshake was not accepted")
    if isinstance(error, TimeoutError):
        return _Failed("timeout", "connecting took too long")
    if isinstance(error, aiohttp.ClientConnectorError):
        return _Failed("connect", "no connection: " + (error.os_error.strerror or "name or route not found"))
    if isinstance(error, aiohttp.ClientPayloadError | OSError):
        return _Failed("disconnected", "the connection ended within the answer")
    return _Failed("protocol", f"not HTTP as it should be ({type(error).__name__})")


def _reply(response: aiohttp.ClientResponse, body: bytes) -> Reply:
    after = _retry_after(response)
    if response.status >= 400:
        return Reply(response.status, body, time.time(), retry_after=after)
    return Reply(response.status, body, time.time(), poll_after=_poll_after(response) if after is None else after)


def _poll_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds from the header by which OpenAI's servers name the next poll, in milliseconds."""
    text = response.headers.get("openai-poll-after-ms")
    return None if text is None or not text.isdecimal() else int(text[:12]) / 1000


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds from a `Retry-After` header: a number, or an HTTP date."""
    if (text := response.headers.get("Retry-After")) is None:
        return None
    if text.strip().isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - time.time())
