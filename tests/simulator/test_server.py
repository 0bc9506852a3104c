import asyncio
import math
import time

import aiohttp
import attrs
import pytest

from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError
from wanpoll.simulator import Constant, Lognormal, Simulator

from .helpers import ask, client


async def test_the_quota_is_enforced():
    """What exceeds the quota gets a 429 in DashScope's words, without Retry-After, and is reported."""
    async with Simulator(quota=Rate(3, per=1_000)) as simulator, client(simulator) as session:
        answers = [await ask(session, "tasks/x") for _ in range(5)]
        async with session.get("tasks/x") as response:
            assert "Retry-After" not in response.headers
        report = simulator.report()

    assert [status for status, _ in answers] == [200, 200, 200, 429, 429]
    assert answers[-1][1]["code"] == "Throttling.RateQuota"
    assert (report.requests, report.violations, report.peak) == (6, 3, 6)
    assert report.by_answer == {200: 3, 429: 3}
    assert report.quota == Rate(3, per=1_000)


async def test_routes_share_the_quota():
    """Query, list and cancel draw on one bucket; submissions do not."""
    async with Simulator(quota=Rate(3, per=1_000)) as simulator, client(simulator) as session:
        headers = {"X-DashScope-Async": "enable"}
        for _ in range(5):
            async with session.post("services/a/b", json={"model": "m"}, headers=headers) as response:
                assert response.status == 200
        await ask(session, "tasks/x")
        await ask(session, "tasks")
        async with session.post("tasks/x/cancel") as response:
            assert response.status == 400
        status, _ = await ask(session, "tasks/x")
        report = simulator.report()

    assert status == 429
    assert report.by_route == {"submit": 5, "query": 2, "list": 1, "cancel": 1}
    assert (report.requests, report.submissions) == (4, 5)


async def test_keys_have_quotas_of_their_own():
    """Another key is let through, and sees the same tasks."""
    async with Simulator(quota=Rate(1, per=1_000)) as simulator, client(simulator) as session:
        (task_id,) = simulator.submit()
        await ask(session, f"tasks/{task_id}")
        async with session.get(f"tasks/{task_id}", headers={"Authorization": "Bearer sk-other"}) as response:
            document = await response.json()

        assert response.status == 200
        assert document["output"]["task_status"] == "PENDING"
        assert simulator.report().violations == 0


async def test_lags():
    """The lag runs from a task's end to the first answer that told it, by query or by list."""
    async with Simulator(speed=1_000) as simulator, client(simulator) as session:
        (first,) = simulator.submit(duration=0)
        simulator.submit(duration=1e6)
        await ask(session, f"tasks/{first}")
        at_first = simulator.report()
        simulator.submit(duration=0)
        await asyncio.sleep(0.02)
        await ask(session, f"tasks/{first}")
        await ask(session, "tasks")
        report = simulator.report()

    assert len(at_first.lags) == 1
    assert len(report.lags) == 2
    assert at_first.lags[0] in report.lags
    assert 20 <= report.lags[1] < report.seconds
    assert (report.lag(0.5), report.lag(0.51), report.lag(1)) == (report.lags[0], report.lags[1], report.lags[1])


async def test_a_report_without_lags():
    """Where no end was told there is no lag to speak of."""
    async with Simulator() as simulator:
        assert math.isnan(simulator.report().lag(0.95))


async def test_loop_requests():
    """One loop per task asks at every interval until the end, and once at least."""
    async with Simulator(speed=100_000) as simulator:
        for duration in (0, 1, 15, 16, 150):
            simulator.submit(duration=duration)
        await asyncio.sleep(0.01)
        report = simulator.report()

    assert report.durations == pytest.approx((0, 1, 15, 16, 150))
    assert report.loop_requests(15) == 1 + 1 + 1 + 2 + 10
    assert attrs.evolve(report, durations=(15.000000001,)).loop_requests(15) == 1
    with pytest.raises(UsageError, match="interval"):
        report.loop_requests(0)


async def test_a_task_that_runs_has_lasted_until_now():
    """The duration of a task that has not ended is its age."""
    async with Simulator(speed=1_000) as simulator:
        simulator.submit(duration=1e6)
        await asyncio.sleep(0.005)
        report = simulator.report()

    assert 5 <= report.durations[0] <= report.seconds


async def test_speed():
    """Provider seconds pass `speed` times as fast as the client's."""
    async with Simulator(speed=1_000) as simulator:
        started, before = time.perf_counter(), simulator.now
        await asyncio.sleep(0.02)
        passed, after = time.perf_counter() - started, simulator.now

    assert after - before == pytest.approx(passed * 1_000, rel=0.1)


async def test_time_stands_still_after_closing():
    """A closed simulator still tells what it saw, at the moment of its closing."""
    async with Simulator(speed=1_000) as simulator:
        simulator.submit(3)
        await asyncio.sleep(0.005)
    before = simulator.report()
    await asyncio.sleep(0.005)

    assert simulator.report() == before
    assert simulator.now == before.seconds > 0
    assert before.submissions == 3


async def test_the_seed_decides():
    """Two simulators with one seed and the same submissions come to the same tasks; another seed does not."""
    options = {"queue": Lognormal(10, 1), "failed": 0.5, "partial": 0.5}
    fates = []
    for seed in (1, 1, 2):
        simulator = Simulator(seed=seed, **options)
        ids = simulator.submit(20, shape="images")
        fates.append([simulator.task(task_id) for task_id in ids])

    assert fates[0] == fates[1] != fates[2]


async def test_inject_and_heal():
    """A window of faults opens at once and ends with its time or by heal."""
    async with Simulator(speed=1_000, faults={"html": 0.5}) as simulator, client(simulator) as session:
        simulator.inject("throttle", seconds=10_000)
        faults = dict(simulator.faults)
        status, _ = await ask(session, "tasks/x")
        simulator.heal()
        healed, _ = await ask(session, "tasks/x")

        assert faults == {"html": 0.5, "throttle": 1.0}
        assert (status, healed) == (429, 200)
        assert simulator.faults == {}
        simulator.inject("throttle", seconds=5)
        await asyncio.sleep(0.01)
        assert simulator.faults == {}


@pytest.mark.parametrize("kind", ["hang", "slow", "drip", "endless"])
async def test_closing_is_prompt(kind):
    """Requests that a fault holds up and idle connections do not hold up the end, and leave no task behind."""
    async with Simulator(slow=1_000) as simulator:
        session = client(simulator)
        await ask(session, "tasks/idle")
        simulator.inject(kind, 100)
        asking = [asyncio.create_task(drained(session)) for _ in range(5)]
        await asyncio.sleep(0.03)
        started = time.perf_counter()
    took = time.perf_counter() - started
    errors = await asyncio.gather(*asking, return_exceptions=True)
    await session.close()
    await asyncio.sleep(0.01)

    assert took < 0.5
    assert all(isinstance(error, aiohttp.ClientError) for error in errors)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_does_not_wait_for_bodies():
    """A submission whose body never comes does not hold up the end."""
    async with Simulator() as simulator:
        _, writer = await asyncio.open_connection("127.0.0.1", int(simulator.url.rpartition(":")[2]))
        writer.write(b"POST /api/v1/services/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        await asyncio.sleep(0.02)
        started = time.perf_counter()
    took = time.perf_counter() - started
    writer.close()

    assert took < 0.5


async def drained(session):
    async with session.get("tasks/x") as response:
        async for _ in response.content.iter_any():
            pass


async def test_many_clients_at_once():
    """Hundreds of requests at once are all answered and counted."""
    async with Simulator(quota=Rate(1_000, per=1_000)) as simulator, client(simulator) as session:
        ids = simulator.submit(100)
        answers = await asyncio.gather(*(ask(session, f"tasks/{task_id}") for task_id in ids * 3))

        assert {status for status, _ in answers} == {200}
        assert simulator.report().requests == simulator.report().peak == 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": -1}, "speed=-1"),
        ({"speed": math.inf}, "speed=inf"),
        ({"failed": 1.5}, "failed=1.5"),
        ({"partial": -0.1}, "partial=-0.1"),
        ({"lifetime": 0}, "lifetime=0"),
        ({"slow": -1}, "slow=-1"),
        ({"faults": {"quake": 0.1}}, "quake"),
        ({"host": "0.0.0.0"}, "loopback"),
        ({"host": "example.com"}, "loopback"),
        ({"port": "80"}, "port"),
        ({"quota": 20}, "Rate"),
        ({"durations": 180}, "durations=180"),
    ],
)
def test_bad_arguments(options, message):
    """An argument that cannot be meant is a UsageError that names it and says what to give."""
    with pytest.raises(UsageError, match=message) as caught:
        Simulator(**options)

    assert "give" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"count": -1}, {"shape": "sculpture"}, {"pictures": 0}, {"duration": -1}, {"status": "DONE"}],
)
def test_bad_submissions(options):
    """A submission that cannot be meant is a UsageError."""
    with pytest.raises(UsageError, match="give"):
        Simulator().submit(**options)


async def test_before_and_after():
    """Tasks can be submitted before the start; an address needs an open simulator, which opens only once."""
    simulator = Simulator(queue=Constant(5))
    (task_id,) = simulator.submit()
    with pytest.raises(UsageError, match="not open"):
        _ = simulator.url

    async with simulator:
        assert simulator.base_url() == simulator.url + "/api/v1"
        with pytest.raises(UsageError, match="dialect"):
            simulator.base_url("klingon")
    assert simulator.task(task_id).submitted_at == 0
    with pytest.raises(UsageError, match="once"):
        await simulator.__aenter__()
    with pytest.raises(UsageError, match="was not submitted"):
        simulator.task("nobody")


async def test_localhost_is_an_address():
    """The name localhost means the address that everybody has."""
    async with Simulator(host="localhost") as simulator:
        assert simulator.url.startswith("http://127.0.0.1:")


async def test_repr():
    """The repr says where it listens and how fast it goes."""
    simulator = Simulator(speed=60)
    before = repr(simulator)
    async with simulator:
        during = repr(simulator)

    assert before == "<Simulator not open speed=60 tasks=0>"
    assert during.startswith("<Simulator http://127.0.0.1:")
    assert repr(simulator) == "<Simulator closed speed=60 tasks=0>"


async def test_a_port_in_use():
    """A port that is taken is the system's own error, and leaves nothing open."""
    async with Simulator() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            await Simulator(port=port).__aenter__()
