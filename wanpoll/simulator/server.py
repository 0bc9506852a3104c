"""The simulator as its users see it: opened, fed with tasks and faults, asked for a report."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from aiohttp import web

from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError
from wanpoll.simulator import dashscope
from wanpoll.simulator._checks import check, check_count, check_positive
from wanpoll.simulator.clock import ProviderClock
from wanpoll.simulator.desk import Desk
from wanpoll.simulator.dialect import Calendar
from wanpoll.simulator.distributions import Distribution, Lognormal
from wanpoll.simulator.faults import FaultPlan
from wanpoll.simulator.quota import QuotaKeeper
from wanpoll.simulator.report import Report, Tally
from wanpoll.simulator.shapes import shape_named
from wanpoll.simulator.wire import FaultyWire
from wanpoll.simulator.world import Behaviour, SimulatedTask, World

if TYPE_CHECKING:
    from wanpoll.providers import DashScope

NO_FAULTS: Mapping[str, float] = MappingProxyType({})


class Simulator:
    """A provider on loopback that speaks DashScope's dialect, keeps a quota and misbehaves on demand.

        async with Simulator(speed=60) as simulator:
            (task_id,) = simulator.submit(duration=180)
            async with Poller(simulator.provider()) as poller:
                outcome = await poller.wait_for(task_id)
            print(simulator.report().lag(0.95))

    Its decisions depend on `seed` alone. It lives in *provider seconds*, of which `speed` pass in a second of the
    client: durations, lifetimes, the quota's window, `slow` and `inject` are given in them. What a client can
    measure, the dates in documents included, is in the client's own time. Beware that high speeds make the quota's
    window short: at speed 100 the 20 requests of a second belong to 10 ms of the client, and no client can keep to
    that exactly.

    `queue` and `durations` draw how long tasks are PENDING and then RUNNING; `failed` is the probability that one
    fails, `partial` that one of several pictures loses some, `lifetime` the age at which tasks are forgotten.
    `faults` maps kinds (`FAULTS`) to probabilities; they befall queries, listings and cancels, submissions never.
    `slow` is how long the fault of that name takes; the bytes of a drip are a tenth of it apart.

    The requests of each key are held to `quota`; `wanpoll.simulator.quota` says how it is measured. Only loopback
    hosts are served. A simulator opens once; its report can still be read when it is closed.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        seed: int = 0,
        quota: Rate = Rate(20, per=1.0),  # noqa: B008 - frozen, as the two below
        durations: Distribution = Lognormal(median=180.0, sigma=0.5),  # noqa: B008
        queue: Distribution = Lognormal(median=10.0, sigma=0.5),  # noqa: B008
        failed: float = 0.0,
        partial: float = 0.0,
        faults: Mapping[str, float] = NO_FAULTS,
        lifetime: float = 86_400.0,
        slow: float = 5.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.speed: float = check_positive("speed", speed)
        self._host = _loopback(host)
        self._port = check_count("port", port, least=0)
        self._clock = ProviderClock(self.speed)
        codes = tuple(dashscope.FAILURES)
        self._world = World(Behaviour(queue, durations, failed, partial, lifetime, codes), seed)
        self._keeper = QuotaKeeper(quota)
        self._plan = FaultPlan(faults, seed)
        self._tally = Tally()
        self._wire = FaultyWire(check("slow", slow, 0) / self.speed)
        self._runner: web.ServerRunner | None = None

    def __repr__(self) -> str:
        state = self.url if self._clock.running else "not open" if self._runner is None else "closed"
        return f"<Simulator {state} speed={self.speed:g} tasks={len(self._world)}>"

    async def __aenter__(self) -> Self:
        if self._runner is not None:
            raise UsageError("a simulator opens once; make a new one: async with Simulator(...) as simulator")
        # Handlers end when their client goes: hanging requests would stay for ever otherwise.
        server = web.Server(self._desk().handle, handler_cancellation=True, access_log=None)
        runner = self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        self._clock.start()
        await self._listen(runner)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clock.stop()
        await self._wire.aclose()
        if self._runner is not None:
            await self._runner.cleanup()

    def _desk(self) -> Desk:
        dialect = dashscope.DashScopeDialect(self._world, Calendar(time.time(), self.speed))
        return Desk(dialect, self._clock, self._world, self._keeper, self._plan, self._tally, self._wire)

    async def _listen(self, runner: web.ServerRunner) -> None:
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            self._clock.stop()
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]

    @property
    def now(self) -> float:
        """Provider seconds since the start: 0 before it, and they stand still once the simulator is closed."""
        return self._clock.now

    @property
    def url(self) -> str:
        """Where the simulator listens, without a slash at the end."""
        if not self._clock.running:
            raise UsageError("the simulator is not open: async with Simulator(...) as simulator")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def base_url(self, dialect: str = "dashscope") -> str:
        """The base URL for clients of this dialect."""
        if dialect != "dashscope":
            raise UsageError(f"dialect={dialect!r}: give 'dashscope'")
        return self.url + dashscope.PREFIX

    def provider(self, api_key: str = "sk-simulated", *, name: str | None = None, interval: float = 15.0) -> DashScope:
        """A provider for `Poller` that asks this simulator: its quota and `interval` are in the client's time."""
        from wanpoll.providers import DashScope

        return DashScope(
            api_key,
            base_url=self.base_url(),
            name=name,
            quota=Rate(self.quota.requests, per=self.quota.per / self.speed),
            interval=check_positive("interval", interval) / self.speed,
        )

    @property
    def quota(self) -> Rate:
        """The quota of a key, in provider seconds."""
        return self._keeper.quota

    def submit(
        self,
        count: int = 1,
        *,
        shape: str = "video",
        pictures: int | None = None,
        duration: float | None = None,
        status: str | None = None,
        code: str | None = None,
    ) -> list[str]:
        """Submit `count` tasks without HTTP; their ids.

        `shape` says how their results look (`SHAPES`), `pictures` how many a result of several has. `duration` (in
        provider seconds, from submission to end), the `status` they come to and the `code` of a failure override
        what would be drawn.
        """
        form = shape_named(shape)
        tasks = (
            self._world.submit(
                self.now,
                shape=shape,
                model=form.model,
                pictures=form.pictures if pictures is None else check_count("pictures", pictures),
                duration=duration,
                status=status,
                code=code,
            )
            for _ in range(check_count("count", count, least=0))
        )
        return [task.id for task in tasks]

    def task(self, task_id: str) -> SimulatedTask:
        """What will become of this task, or became of it."""
        task = self._world.get(task_id)
        if task is None:
            raise UsageError(f"task {task_id!r} was not submitted to this simulator")
        return task

    @property
    def faults(self) -> Mapping[str, float]:
        """The probability of each kind of fault now, as far as any is set."""
        return self._plan.active(self.now)

    def inject(self, kind: str, seconds: float, probability: float = 1.0) -> None:
        """Let a kind of fault befall requests for so many provider seconds from now."""
        self._plan.inject(kind, self.now, seconds, probability)

    def heal(self) -> None:
        """End all faults, those of the constructor too."""
        self._plan.heal()

    def report(self) -> Report:
        """What was seen of the clients up to now."""
        return self._tally.report(self._world, self._keeper, self.now)


def _loopback(host: str) -> str:
    """Strangers must not reach a server that hands out faults."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise UsageError(f"host={host!r}: give a loopback address, 127.0.0.1 or ::1")
