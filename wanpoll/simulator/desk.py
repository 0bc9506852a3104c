"""Where requests arrive: counted, held to the quota, struck by faults or answered."""

from __future__ import annotations

from aiohttp import web
from attrs import frozen

from wanpoll.simulator.clock import ProviderClock
from wanpoll.simulator.dialect import Answer, Asked, Dialect, Refusal, Route
from wanpoll.simulator.faults import FaultPlan
from wanpoll.simulator.quota import QuotaKeeper
from wanpoll.simulator.report import Tally
from wanpoll.simulator.wire import Exchange, FaultyWire, respond
from wanpoll.simulator.world import World

NOBODY = "00000000-0000-4000-8000-000000000000"
"""A task id that is never given."""


@frozen
class Desk:
    """Brings a request before the clock, the quota, the faults and the dialect, in this order."""

    dialect: Dialect
    clock: ProviderClock
    world: World
    keeper: QuotaKeeper
    plan: FaultPlan
    tally: Tally
    wire: FaultyWire

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        asked = self.dialect.read(request.method, request.path)
        if asked is None:
            return respond(self.dialect.refuse(Refusal.NOT_FOUND))
        self.tally.arrived(asked.route)
        if asked.route is Route.SUBMIT:
            return await self._accept(asked, request)
        refusal = self._refusal(self.dialect.key(request.headers))
        if refusal is not None:
            return self._respond(self.dialect.refuse(refusal))
        return await self._tell(asked, request)

    async def _accept(self, asked: Asked, request: web.BaseRequest) -> web.Response:
        # Without a limit: the inputs of a task may be whole pictures in base64.
        body = await request.content.read()
        return respond(self.dialect.submit(asked.subject, request.headers, body, self.clock.now))

    def _refusal(self, key: str | None) -> Refusal | None:
        if key is None:
            return Refusal.UNAUTHORIZED
        return None if self.keeper.admit(key, self.clock.now) else Refusal.THROTTLED

    async def _tell(self, asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        kind = self.plan.draw(self.clock.now)
        if kind is None:
            answer = self._answer(asked, request)
            self._told(answer)
            return self._respond(answer)
        self.tally.answered(kind.value)
        return await self.wire.play(kind, self._exchange(asked, request))

    def _exchange(self, asked: Asked, request: web.BaseRequest) -> Exchange:
        return Exchange(
            request=request,
            answer=lambda: self._answer(asked, request),
            echo=lambda: self._echo(asked),
            refuse=self.dialect.refuse,
            told=self._told,
        )

    def _answer(self, asked: Asked, request: web.BaseRequest) -> Answer:
        match asked.route:
            case Route.CANCEL:
                return self.dialect.cancel(asked.subject, self.clock.now)
            case Route.LIST:
                return self.dialect.list(request.query, self.clock.now)
        return self.dialect.query(asked.subject, self.clock.now)

    def _echo(self, asked: Asked) -> Answer:
        other = self.world.neighbour(asked.subject)
        return self.dialect.query(NOBODY if other is None else other.id, self.clock.now)

    def _told(self, answer: Answer) -> None:
        self.tally.told(answer.ended, self.world, self.clock.now)

    def _respond(self, answer: Answer) -> web.Response:
        self.tally.answered(answer.status)
        return respond(answer)
