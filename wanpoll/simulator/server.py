"""The simulator as its users see it: opened, fed with tasks and faults, asked for a report."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError
from wanpoll.simulator._checks import check, check_count, check_positive
from wanpoll.simulator.clock import ProviderClock
from wanpoll.simulator.desk import Desk, Hall
from wanpoll.simulator.dialect import Calendar, Form
from wanpoll.simulator.dialects import DEFAULT, DIALECTS, dialect_named
from wanpoll.simulator.distributions import Distribution, Lognormal
from wanpoll.simulator.faults import FaultPlan
from wanpoll.simulator.quota import QuotaKeeper
from wanpoll.simulator.report import Books, Report, total
from wanpoll.simulator.wire import FaultyWire
from wanpoll.simulator.world import Behaviour, SimulatedTask, World

if TYPE_CHECKING:
    from wanpoll.providers import Provider

NO_FAULTS: Mapping[str, float] = MappingProxyType({})


class Simulator:
    """A provider on loopback that speaks the dialect of each that we know, keeps a quota and misbehaves on demand.

        async with Simulator(speed=60) as simulator:
            (task_id,) = simulator.submit(duration=180)
            async with Poller(simulator.provider()) as poller:
                outcome = await poller.wait_for(task_id)
            print(simulator.report().lag(0.95))

    The dialects stand side by side on one server: "dashscope" at the root, "acedata", "anyfast", "vapi" and "minimax"
    each below its own name. Each has tasks of its own, and knows nothing of those of the others.

    Its decisions depend on `seed` alone. It lives in *provider seconds*, of which `speed` pass in a second of the
    client: durations, lifetimes, the quota's window, `slow` and `inject` are given in them. What a client can
    measure, the dates in documents included, is in the client's own time. Beware that high speeds make the quota's
    window short: at speed 100 the 20 requests of a second belong to 10 ms of the client, and no client can keep to
    that exactly.

    `queue` and `durations` draw how long tasks are PENDING and then RUNNING; `failed` is the probability that one
    fails, `partial` that one of several pictures loses some, `lifetime` the age at which tasks are forgotten.
    `faults` maps kinds (`FAULTS`) to probabilities; they befall everything but submissions, in every dialect.
    `slow` is how long the fault of that name takes; the bytes of a drip are a tenth of it apart. Where it is not
    `listable`, the list of tasks is answered with a 403.

    The requests of each key are held to `quota`, in each dialect by itself; `wanpoll.simulator.quota` says how it is
    measured. Only loopback hosts are served. A simulator opens once; its report can still be read when it is closed.
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
        listable: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.speed: float = check_positive("speed", speed)
        self._host = _loopback(host)
        self._port = check_count("port", port, least=0)
        self._clock = ProviderClock(self.speed)
        behaviour = Behaviour(queue, durations, failed, partial, lifetime)
        self._books = {name: Books(World(behaviour, _own(seed, name)), QuotaKeeper(quota)) for name in DIALECTS}
        self._plan = FaultPlan(faults, seed)
        self._listable = listable
        self._wire = FaultyWire(check("slow", slow, 0) / self.speed)
        self._runner: web.ServerRunner | None = None

    def __repr__(self) -> str:
        state = self.url if self._clock.running else "not open" if self._runner is None else "closed"
        tasks = sum(len(books.world) for books in self._books.values())
        return f"<Simulator {state} speed={self.speed:g} tasks={tasks}>"

    async def __aenter__(self) -> Self:
        if self._runner is not None:
            raise UsageError("a simulator opens once; make a new one: async with Simulator(...) as simulator")
        # Handlers end when their client goes: hanging requests would stay for ever otherwise.
        server = web.Server(self._hall().handle, handler_cancellation=True, access_log=None)
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

    def _hall(self) -> Hall:
        calendar = Calendar(time.time(), self.speed)
        desks = {
            spoken.mount: Desk(
                spoken.kind(self._books[name].world, calendar),
                self._clock,
                self._books[name],
                self._plan,
                self._wire,
                self._listable,
            )
            for name, spoken in DIALECTS.items()
        }
        return Hall(desks.pop(""), desks)

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

    def base_url(self, dialect: str = DEFAULT) -> str:
        """The base URL for clients of this dialect."""
        spoken = dialect_named(dialect)
        return self.url + spoken.mount + spoken.prefix

    def provider(
        self,
        api_key: str = "sk-simulated",
        *,
        dialect: str = DEFAULT,
        name: str | None = None,
        interval: float = 15.0,
        **settings: Any,
    ) -> Provider:
        """A provider for `Poller` that asks this simulator in `dialect`.

        Its quota and `interval` are in the client's time. `settings` are those that its class has beside them, as in
        `provider(scan=True)`.
        """
        from wanpoll import providers

        kind: type[Provider] = getattr(providers, dialect_named(dialect).provider)
        return kind(
            api_key,
            base_url=self.base_url(dialect),
            name=name,
            quota=Rate(self.quota.requests, per=self.quota.per / self.speed),
            interval=check_positive("interval", interval) / self.speed,
            **settings,
        )

    @property
    def quota(self) -> Rate:
        """The quota of a key in each dialect, in provider seconds."""
        return self._books[DEFAULT].keeper.quota

    def submit(
        self,
        count: int = 1,
        *,
        dialect: str = DEFAULT,
        shape: str | None = None,
        pictures: int | None = None,
        duration: float | None = None,
        status: str | None = None,
        code: str | None = None,
    ) -> list[str]:
        """Submit `count` tasks without HTTP; their ids.

        `shape` says how their results look, `pictures` how many a result of several has. Shapes are those of the
        dialect, the first one if none is given: for "dashscope" those in `SHAPES`, for "acedata" "video", "images"
        and "audio", for "vapi" its upstreams "minimax", "jimeng" and "dashscope", for the others "video".
        `duration` (in provider seconds, from submission to end), the `status` they come to and the `code` of a
        failure override what would be drawn.
        """
        forms, world = dialect_named(dialect).kind.FORMS, self._books[dialect].world
        name, form = _form(forms, shape)
        tasks = (
            form.submit(world, self.now, name, pictures=pictures, duration=duration, status=status, code=code)
            for _ in range(check_count("count", count, least=0))
        )
        return [task.id for task in tasks]

    def task(self, task_id: str) -> SimulatedTask:
        """What will become of this task, or became of it, in whatever dialect it was submitted."""
        for books in self._books.values():
            task = books.world.get(task_id)
            if task is not None:
                return task
        raise UsageError(f"task {task_id!r} was not submitted to this simulator")

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

    def report(self, dialect: str | None = None) -> Report:
        """What was seen up to now of the clients of one dialect, or of all together."""
        if dialect is not None:
            dialect_named(dialect)
            return self._books[dialect].report(self.now)
        now = self.now
        return total([books.report(now) for books in self._books.values()])


def _own(seed: int, dialect: str) -> int | str:
    """Each dialect draws for itself, or the first tasks of all would have one id."""
    return seed if dialect == DEFAULT else f"{seed}/{dialect}"


def _form(forms: Mapping[str, Form], shape: str | None) -> tuple[str, Form]:
    name = next(iter(forms)) if shape is None else shape
    if name not in forms:
        raise UsageError(f"shape={shape!r}: give one of {', '.join(forms)}")
    return name, forms[name]


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
