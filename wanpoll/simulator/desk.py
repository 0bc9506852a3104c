"""Where requests arrive: counted, held to the quota, struck by faults or answered."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from attrs import frozen

from wanpoll.simulator.clock import ProviderClock
from wanpoll.simulator.dialect import Answer, Arrival, Asked, Dialect, Refusal, Route
from wanpoll.simulator.faults import FaultPlan
from wanpoll.simulator.report import Books
from wanpoll.simulator.wire import Exchange, FaultyWire, respond

LARGEST_BODY = 64 << 20
"""Bytes of a request's body, at most: the inputs of a task may be whole pictures in base64."""


@frozen
class Desk:
    """Brings a request before the clock, the quota, the faults and the dialect, in this order."""

    dialect: Dialect
    clock: ProviderClock
    books: Books
    plan: FaultPlan
    wire: FaultyWire
    listable: bool = True

    async def handle(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Answer one request, for a `path` that begins where the dialect is mounted."""
        body = await _body(request) if request.body_exists else b""
        arrival = Arrival(request.method, path, request.query, request.headers, body)
        asked = self.dialect.read(arrival)
        if asked is None:
            return respond(self.dialect.refuse(Refusal.NOT_FOUND))
        self.books.tally.arrived(asked.route)
        if asked.route is Route.SUBMIT:
            return respond(self.dialect.submit(asked, arrival, self.clock.now))
        refusal = self._refusal(arrival.key)
        if refusal is None and asked.route is Route.LIST and not self.listable:
            refusal = Refusal.FORBIDDEN
        if refusal is not None:
            return self._respond(self.dialect.refuse(refusal))
        return await self._tell(asked, request)

    def _refusal(self, key: str | None) -> Refusal | None:
        if key is None:
            return Refusal.UNAUTHORIZED
        return None if self.books.keeper.admit(key, self.clock.now) else Refusal.THROTTLED

    async def _tell(self, asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        kind = self.plan.draw(self.clock.now)
        if kind is None:
            answer = self.dialect.answer(asked, self.clock.now)
            self._told(answer)
            return self._respond(answer)
        self.books.tally.answered(kind.value)
        return await self.wire.play(kind, self._exchange(asked, request))

    def _exchange(self, asked: Asked, request: web.BaseRequest) -> Exchange:
        return Exchange(
            request=request,
            answer=lambda: self.dialect.answer(asked, self.clock.now),
            echo=lambda: self.dialect.echo(asked, self.clock.now),
            refuse=self.dialect.refuse,
            told=self._told,
        )

    def _told(self, answer: Answer) -> None:
        self.books.tally.told(answer.ended, self.books.world, self.clock.now)

    def _respond(self, answer: Answer) -> web.Response:
        self.books.tally.answered(answer.status)
        return respond(answer)


@frozen
class Hall:
    """Finds the desk for a request: that of the dialect whose mount is the first part of the path, else `root`."""

    root: Desk
    mounted: Mapping[str, Desk]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        _, slash, rest = request.path.partition("/")
        mount, _, behind = rest.partition("/")
        desk = self.mounted.get(slash + mount)
        if desk is None:
            return await self.root.handle(request, request.path)
        return await desk.handle(request, f"/{behind}")


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, len(body))
    return bytes(body)
