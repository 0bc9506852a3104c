"""All dialects side by side on one server."""

import asyncio
import gzip
import json

import aiohttp
import attrs
import pytest

from tests.waiting import until
from wanpoll import providers
from wanpoll._core.model import Rate
from wanpoll.exceptions import UsageError
from wanpoll.simulator import DIALECTS, FAULTS, Simulator
from wanpoll.simulator import desk as desk_module

from .helpers import client

KNOWN = {
    "dashscope": ("/api/v1", "DashScope", "DASHSCOPE_API_KEY"),
    "acedata": ("/acedata", "AceData", "ACEDATACLOUD_API_TOKEN"),
    "anyfast": ("/anyfast", "AnyFast", "ANYFAST_API_KEY"),
    "vapi": ("/vapi", "VApi", "VAPI_API_KEY"),
    "minimax": ("/minimax/v1", "MiniMax", "MINIMAX_API_KEY"),
}
UNKNOWN = {
    "dashscope": lambda status, document: document["output"]["task_status"] == "UNKNOWN",
    "acedata": lambda status, document: document == {},
    "anyfast": lambda status, document: (status, document["code"]) == (400, "task_not_exist"),
    "vapi": lambda status, document: (
        document["base_resp"]["status_code"] == 2013
        if "base_resp" in document
        else document["output"]["task_status"] == "UNKNOWN"
    ),
    "minimax": lambda status, document: document["base_resp"]["status_code"] == 2013,
}


def asking(session, dialect, task_id):
    """The question about one task in a dialect."""
    if dialect == "acedata":
        return session.post("wan/tasks", json={"action": "retrieve", "id": task_id}, allow_redirects=False)
    path = {
        "dashscope": f"tasks/{task_id}",
        "anyfast": f"v1/video/generations/{task_id}",
        "vapi": f"task/{task_id}",
        "minimax": f"query/video_generation?task_id={task_id}",
    }[dialect]
    return session.get(path, allow_redirects=False)


async def answer(simulator, dialect, task_id, headers=None):
    """Status and document of a question."""
    async with client(simulator, dialect) as session:
        session.headers.update(headers or {})
        async with asking(session, dialect, task_id) as response:
            return response.status, json.loads(await response.read())


def test_the_table_is_complete():
    """Every dialect has its place, its provider and the variable of its key."""
    assert {
        name: (spoken.mount + spoken.prefix, spoken.provider, spoken.key_variable) for name, spoken in DIALECTS.items()
    } == KNOWN


@pytest.mark.parametrize("dialect", KNOWN)
def test_the_key_variable_is_the_providers(dialect):
    """The table names the variable that the provider's class reads."""
    spoken = DIALECTS[dialect]
    kind = getattr(providers, spoken.provider, None)
    if kind is None:
        pytest.skip(f"wanpoll.providers has no {spoken.provider}")

    assert spoken.key_variable == kind.KEY_VARIABLE
    assert dialect == kind.NAME


async def test_base_urls():
    """DashScope stands at the root, the others below their names."""
    async with Simulator() as simulator:
        urls = {dialect: simulator.base_url(dialect) for dialect in DIALECTS}

        assert urls == {dialect: simulator.url + path for dialect, (path, *_) in KNOWN.items()}
        assert simulator.base_url() == urls["dashscope"]


@pytest.mark.parametrize("dialect", KNOWN)
async def test_each_dialect_knows_its_own_tasks_only(dialect):
    """A task of another dialect is no such task, in the words of the one that is asked."""
    async with Simulator() as simulator:
        ids = {each: simulator.submit(dialect=each)[0] for each in DIALECTS}
        answers = {each: await answer(simulator, dialect, task_id) for each, task_id in ids.items()}

    assert len(set(ids.values())) == len(ids)
    assert {each for each, said in answers.items() if not UNKNOWN[dialect](*said)} == {dialect}


async def test_quotas_are_apart():
    """One key may ask as much in each dialect as it may in one."""
    async with Simulator(quota=Rate(2, per=1_000)) as simulator:
        for dialect in DIALECTS:
            for _ in range(2):
                await answer(simulator, dialect, "x")
        kept = simulator.report()
        await answer(simulator, "acedata", "x")
        broken = simulator.report()

        assert (kept.requests, kept.violations, kept.peak) == (10, 0, 2)
        assert (broken.violations, broken.peak) == (1, 3)
        assert {each: simulator.report(each).violations for each in DIALECTS} == dict.fromkeys(DIALECTS, 0) | {
            "acedata": 1
        }


async def test_the_report_of_a_dialect_and_of_all():
    """What is seen of each dialect adds up to what is seen of all."""
    async with Simulator(quota=Rate(20, per=1_000)) as simulator:
        (video,) = simulator.submit(dialect="anyfast", duration=0)
        simulator.submit(2, dialect="acedata", status="FAILED", duration=0)
        simulator.submit(duration=1e6)
        await answer(simulator, "anyfast", video)
        await answer(simulator, "anyfast", "nobody")
        await answer(simulator, "minimax", "nobody")
        await answer(simulator, "anyfast", video, headers={"Authorization": "Bearer sk-another"})
    one, whole = simulator.report("anyfast"), simulator.report()
    each = [simulator.report(dialect) for dialect in DIALECTS]

    assert (one.requests, one.submissions, one.by_route, one.peak) == (3, 1, {"query": 3}, 2)
    assert one.by_answer == {200: 2, 400: 1}
    assert one.tasks_by_status == {"SUCCEEDED": 1}
    assert len(one.lags) == 1
    assert (whole.requests, whole.submissions, whole.by_route, whole.peak) == (4, 4, {"query": 4}, 2)
    assert whole.by_answer == {200: 3, 400: 1}
    assert whole.tasks_by_status == {"SUCCEEDED": 1, "FAILED": 2, "PENDING": 1}
    assert whole.lags == one.lags
    assert sorted(whole.durations) == sorted(duration for report in each for duration in report.durations)
    assert {report.seconds for report in each} == {whole.seconds}
    assert whole.quota == one.quota


def test_unknown_dialects():
    """Wherever a dialect is named, one that there is not is a UsageError with those that there are."""
    simulator = Simulator()
    for ask in (
        lambda: simulator.base_url("klingon"),
        lambda: simulator.provider(dialect="klingon"),
        lambda: simulator.submit(dialect="klingon"),
        lambda: simulator.report("klingon"),
    ):
        with pytest.raises(UsageError, match="'klingon': give one of dashscope, acedata, anyfast, vapi, minimax"):
            ask()


@pytest.mark.parametrize(("dialect", "shape"), [("acedata", "choices"), ("anyfast", "images"), ("minimax", "jimeng")])
def test_shapes_are_those_of_the_dialect(dialect, shape):
    """The shape of another dialect is a UsageError that names those of this one."""
    with pytest.raises(UsageError, match=f"{shape!r}: give one of .*{next(iter(DIALECTS[dialect].kind.FORMS))}"):
        Simulator().submit(dialect=dialect, shape=shape)


def test_a_task_is_found_in_whatever_dialect():
    """Every id leads to its task."""
    simulator = Simulator()
    ids = [simulator.submit(dialect=dialect)[0] for dialect in DIALECTS]

    assert [simulator.task(task_id).id for task_id in ids] == ids
    assert repr(simulator) == "<Simulator not open speed=1 tasks=5>"


def test_dialects_do_not_shift_each_others_draws():
    """What is submitted in one dialect changes nothing for the tasks of another."""
    plain, busy = Simulator(seed=3), Simulator(seed=3)
    busy.submit(5, dialect="acedata")

    assert [plain.task(task_id) for task_id in plain.submit(4)] == [busy.task(task_id) for task_id in busy.submit(4)]


async def test_providers_by_dialect(monkeypatch):
    """The class is looked up by its name, and is told where to ask and how often, in the client's time."""

    @attrs.frozen
    class Offered:
        api_key: str
        base_url: str
        name: str | None
        quota: Rate
        interval: float

    monkeypatch.setattr(providers, "AceData", Offered, raising=False)
    async with Simulator(speed=10, quota=Rate(40, per=2.0)) as simulator:
        given = simulator.provider("sk-mine", dialect="acedata", name="second", interval=30)

        assert given == Offered("sk-mine", simulator.base_url("acedata"), "second", Rate(40, per=0.2), 3.0)
        assert simulator.provider(dialect="acedata").name is None
        assert isinstance(simulator.provider(dialect="dashscope"), providers.DashScope)
        with pytest.raises(TypeError):
            simulator.provider("sk-mine", "acedata")


# -- faults ------------------------------------------------------------------------------------------------------------


async def status_and_body(response):
    return response.status, await response.read()


async def struck(simulator, dialect, kind, read=status_and_body):
    """Ask about a task that has ended, of two, under a fault; what `read` finds."""
    task_id, _ = simulator.submit(2, dialect=dialect, duration=0)
    simulator.inject(kind, seconds=1e6)
    async with client(simulator, dialect) as session, asking(session, dialect, task_id) as response:
        return await read(response)


async def headers(response):
    return response.status, dict(response.headers)


async def first_bytes(response):
    return await response.content.readexactly(100_000)


@pytest.mark.parametrize("dialect", KNOWN)
@pytest.mark.parametrize("kind", FAULTS)
async def test_every_fault_befalls_every_dialect(kind, dialect):
    """Whatever is asked, and by GET or POST: each fault looks as it does at DashScope, and is reported there."""
    async with Simulator(slow=0) as simulator:
        await CHECKS[kind](simulator, dialect)
        seen = simulator.report(dialect).by_answer

        # a GET that was reset is asked again by the client itself
        assert seen == simulator.report().by_answer == {kind: seen[kind]}


async def check_own_words(simulator, dialect, kind, statuses):
    status, body = await struck(simulator, dialect, kind)

    assert status == (200 if dialect == "minimax" else statuses)
    assert isinstance(json.loads(body), dict)
    assert simulator.report().lags == ()


async def check_answer(simulator, dialect, kind, *expected):
    status, body = await struck(simulator, dialect, kind)

    assert (status, *([body[: len(expected[1])]] if len(expected) > 1 else [])) == expected


async def check_garbage(simulator, dialect):
    _, body = await struck(simulator, dialect, "garbage")

    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


async def check_true(simulator, dialect, kind):
    _, body = await struck(simulator, dialect, kind)

    await asyncio.sleep(0.01)  # an end is told when the last byte is gone

    assert json.loads(body)
    assert len(simulator.report(dialect).lags) == 1


async def check_redirect(simulator, dialect):
    status, found = await struck(simulator, dialect, "redirect", headers)

    assert (status, found["Location"]) == (302, "http://elsewhere.invalid/")


async def check_bomb(simulator, dialect):
    _, found = await struck(simulator, dialect, "bomb", headers)

    assert found["Content-Encoding"] == "gzip"
    assert int(found["Content-Length"]) == len(desk_bomb())


def desk_bomb():
    from wanpoll.simulator.wire import bomb

    assert len(gzip.decompress(bomb())) == 64 << 20
    return bomb()


async def check_broken(simulator, dialect, kind):
    with pytest.raises(aiohttp.ClientError):
        await struck(simulator, dialect, kind)


async def check_hang(simulator, dialect):
    asking = asyncio.ensure_future(struck(simulator, dialect, "hang"))
    await until(lambda: simulator.report(dialect).by_answer)
    await asyncio.sleep(0.01)

    assert not asking.done()
    asking.cancel()


async def check_endless(simulator, dialect):
    assert (await struck(simulator, dialect, "endless", first_bytes)).strip() == b""


async def check_echo(simulator, dialect):
    _, body = await struck(simulator, dialect, "echo")
    first, second = [task.id for task in simulator._books[dialect].world.all()]

    assert second in body.decode()
    assert first not in body.decode()
    assert simulator.report().lags == ()


CHECKS = {
    "throttle": lambda *where: check_own_words(*where, "throttle", 429),
    "server_error": lambda *where: check_own_words(*where, "server_error", 500),
    "unauthorized": lambda *where: check_own_words(*where, "unauthorized", 401),
    "html": lambda *where: check_answer(*where, "html", 502, b"<html>"),
    "empty": lambda *where: check_answer(*where, "empty", 200, b""),
    "garbage": check_garbage,
    "redirect": check_redirect,
    "echo": check_echo,
    "bomb": check_bomb,
    "reset": lambda *where: check_broken(*where, "reset"),
    "cut": lambda *where: check_broken(*where, "cut"),
    "slow": lambda *where: check_true(*where, "slow"),
    "drip": lambda *where: check_true(*where, "drip"),
    "hang": check_hang,
    "endless": check_endless,
}


async def test_bodies_have_an_end(monkeypatch):
    """A body over the limit is a 413, which no dialect is asked about; one within it is read whole."""
    monkeypatch.setattr(desk_module, "LARGEST_BODY", 100_000)
    async with Simulator() as simulator, client(simulator, "acedata") as session:
        async with session.post("wan/videos", json={"prompt": "x" * 99_000}) as response:
            assert response.status == 200
        async with session.post("wan/videos", json={"prompt": "x" * 100_000}) as response:
            assert response.status == 413
        assert simulator.report().submissions == 1
