"""The public interface and its contract, in virtual time."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import time
import tracemalloc
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.clouds import KEY, Cloud, broken_connection, done, id_of, state
from wanpoll import (
    InvalidTaskId,
    NotSupported,
    Outcome,
    Poller,
    PollerClosed,
    ProviderRefused,
    Rate,
    Status,
    Task,
    TaskCanceled,
    TaskExpired,
    TaskFailed,
    TaskForgotten,
    TransportError,
    UnknownProvider,
    UsageError,
    WaitTimeout,
    WanpollError,
    WrongLoop,
)
from wanpoll._core.readings import Answer, Broken, Missed, NotYet, Observation, Refused, Rejected
from wanpoll.providers import DashScope, Reply
from wanpoll.testing import ScriptedTransport, cancel_everywhere, missed, reply, run_virtually


def now() -> float:
    return asyncio.get_running_loop().time()


async def refusing(poller: Poller, task_id: str = "a") -> ProviderRefused:
    with pytest.raises(ProviderRefused) as caught:
        await poller.wait_for(task_id)
    return caught.value


# -- wait_for --------------------------------------------------------------------------------------------------------


def test_wait_for_returns_the_outcome() -> None:
    """The whole story of one task."""

    async def main() -> None:
        async with Cloud(runs=40.0).poller() as poller:
            outcome = await poller.wait_for("a")

        assert outcome.ok
        assert outcome.task == Task("a", "dashscope")
        assert outcome.media[0].url == "https://media.example/a.mp4?Signature=s"
        assert outcome.raise_for_status() is outcome
        assert outcome.polls == 4

    run_virtually(main())


@pytest.mark.parametrize(
    ("word", "status", "error"),
    [("FAILED", Status.FAILED, TaskFailed), ("CANCELED", Status.CANCELED, TaskCanceled)],
)
def test_failures_are_returned_not_raised(word: str, status: Status, error: type[Exception]) -> None:
    """`raise_for_status` is for those who want them raised."""

    async def main() -> None:
        cloud = Cloud(runs=0.0)
        cloud.words["a"] = word
        async with cloud.poller() as poller:
            outcome = await poller.wait_for("a")

        assert outcome.status is status
        with pytest.raises(error, match="task a of dashscope: .*Odd: it did not work") as caught:
            outcome.raise_for_status()
        assert caught.value.outcome is outcome

    run_virtually(main())


def test_a_task_that_never_ends_expires_after_a_day() -> None:
    """24 h after tracking began, or `expires_in`."""

    async def main() -> None:
        async with Cloud(runs=1e9).poller(interval=600.0) as poller:
            short = await poller.wait_for("b", expires_in=1000.0)
            assert now() == pytest.approx(1000.0, abs=1.0)
            outcome = await poller.wait_for("a")

        assert (short.status, short.reason) == (Status.EXPIRED, "expired")
        assert now() == pytest.approx(87_400.0, abs=2.0)
        with pytest.raises(TaskExpired, match="expired"):
            outcome.raise_for_status()

    run_virtually(main())


def test_waiting_twice_shares_one_poll_stream() -> None:
    """A hundred waiters cost the questions of one."""

    async def main() -> None:
        cloud = Cloud(runs=100.0)
        async with cloud.poller() as poller:
            outcomes = await asyncio.gather(*(poller.wait_for("a") for _ in range(100)))

        assert len({id(outcome) for outcome in outcomes}) == 1
        assert cloud.asked("a") <= 8
        assert cloud.transport.most_under_way == 1

    run_virtually(main())


def test_a_task_that_ended_is_answered_at_once() -> None:
    """Without another question."""

    async def main() -> None:
        cloud = Cloud(runs=0.0)
        async with cloud.poller() as poller:
            first = await poller.wait_for("a")
            asked, at = cloud.asked("a"), now()
            assert await poller.wait_for("a") is first
            assert await poller.wait_all(["a"]) == [first]

        assert (cloud.asked("a"), now()) == (asked, at)

    run_virtually(main())


def test_a_timeout_ends_this_wait_only() -> None:
    """It carries the last update; the task is still followed, other waiters still wait."""

    async def main() -> None:
        cloud = Cloud(runs=100.0)
        async with cloud.poller() as poller:
            other = asyncio.create_task(poller.wait_for("a"))
            with pytest.raises(WaitTimeout, match="task a did not end within 20 s") as caught:
                await poller.wait_for("a", timeout=20.0)

            assert isinstance(caught.value, TimeoutError)
            assert caught.value.update.status is Status.RUNNING
            assert [task.id for task in caught.value.open_tasks] == ["a"]
            assert now() == pytest.approx(20.0)
            assert (await other).ok

    run_virtually(main())


def test_with_the_time_of_submission_the_first_poll_waits_for_the_interval() -> None:
    """Without it, the age is unknown and the first poll comes at once."""

    async def main() -> None:
        cloud = Cloud(runs=1e9)
        async with cloud.poller(schedule="fixed") as poller:
            await poller.track(Task("young", submitted_at=datetime.now(UTC)))
            await poller.track(Task("old", submitted_at=datetime.now(UTC) - timedelta(hours=1)))
            await poller.track("unknown")
            await asyncio.sleep(14.0)
            assert (cloud.asked("young"), cloud.asked("old"), cloud.asked("unknown")) == (0, 1, 1)
            await asyncio.sleep(3.0)
            assert cloud.asked("young") == 1

    run_virtually(main())


# -- bulk ------------------------------------------------------------------------------------------------------------


def test_wait_all_keeps_the_order_duplicates_included() -> None:
    """Failures are values."""

    async def main() -> None:
        cloud = Cloud()
        cloud.seconds = {"a": 90.0, "b": 30.0, "c": 60.0}
        cloud.words["b"] = "FAILED"
        async with cloud.poller() as poller:
            outcomes = await poller.wait_all(["a", "b", Task("c"), "a", "b"])

        assert [outcome.task.id for outcome in outcomes] == ["a", "b", "c", "a", "b"]
        assert [outcome.ok for outcome in outcomes] == [True, False, True, True, False]

    run_virtually(main())


def test_wait_all_of_nothing_is_nothing() -> None:
    """At once."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            assert await poller.wait_all([]) == []
            assert [each async for each in poller.as_completed([])] == []

    run_virtually(main())


def test_as_completed_gives_each_as_it_ends() -> None:
    """A task that is given twice comes once; those that had ended come first."""

    async def main() -> None:
        cloud = Cloud()
        cloud.seconds = {"a": 90.0, "b": 30.0, "c": 60.0, "d": 0.0}
        async with cloud.poller() as poller:
            await poller.wait_for("d")
            order = [outcome.task.id async for outcome in poller.as_completed(["a", "b", "c", "a", "d"])]

        assert order == ["d", "b", "c", "a"]

    run_virtually(main())


def test_bulk_waits_time_out_with_the_open_tasks() -> None:
    """What came before is not lost: it is answered at once the next time."""

    async def main() -> None:
        cloud = Cloud()
        cloud.seconds = {"a": 0.0, "b": 500.0}
        async with cloud.poller() as poller:
            with pytest.raises(WaitTimeout) as caught:
                await poller.wait_all(["a", "b"], timeout=50.0)
            assert [task.id for task in caught.value.open_tasks] == ["b"]

            got = []
            with pytest.raises(WaitTimeout):
                async for outcome in poller.as_completed(["a", "b"], timeout=50.0):
                    got.append(outcome.task.id)
            assert got == ["a"]

    run_virtually(main())


def test_a_bulk_wait_that_had_no_time_names_all_tasks() -> None:
    """Also those that it had not come to."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            with pytest.raises(WaitTimeout) as caught:
                await poller.wait_all([*(f"t{n}" for n in range(2000)), "t0"], timeout=0)
        assert [task.id for task in caught.value.open_tasks] == [f"t{n}" for n in range(2000)]

    run_virtually(main())


def test_leaving_as_completed_early_leaves_nothing_behind() -> None:
    """`break` is a normal way out."""

    async def main() -> None:
        cloud = Cloud(runs=20.0)
        cloud.seconds["slow"] = 1e6
        async with cloud.poller() as poller:
            stream = poller.as_completed(["a", "slow"])
            async for _ in stream:
                break
            await stream.aclose()
            assert len(poller._waiters) == 0
            assert poller.statistics().tracked == 1

    run_virtually(main())


def test_ten_thousand_tasks_stay_inside_the_quota() -> None:
    """Every window of a second holds twenty questions at most, and all tasks end."""

    async def main() -> None:
        cloud = Cloud(runs=300.0)
        async with cloud.poller(quota=Rate(20)) as poller:
            outcomes = await poller.wait_all([f"t{number}" for number in range(10_000)])

        assert all(outcome.ok for outcome in outcomes)
        times = cloud.transport.times()
        assert all(later - earlier > 1.0 for earlier, later in zip(times, times[20:], strict=False))
        assert len(times) > 19 * now()

    run_virtually(main())


# -- watch -----------------------------------------------------------------------------------------------------------


def test_watch_tells_each_change_and_the_end() -> None:
    """What is known now comes first."""

    async def main() -> None:
        script = iter([state("a", "PENDING"), broken_connection(), state("a", "RUNNING"), done("a")])
        async with Poller(DashScope(KEY), transport=ScriptedTransport(lambda _: next(script))) as poller:
            updates = [update async for update in poller.watch("a")]

        assert [update.status for update in updates] == ["PENDING", "PENDING", "RUNNING", "SUCCEEDED"]
        assert [getattr(update.problem, "kind", None) for update in updates] == [None, "disconnected", None, None]

    run_virtually(main())


def test_the_progress_of_a_task_is_seen() -> None:
    """From DashScope's `task_metrics`."""

    async def main() -> None:
        metrics = ({"TOTAL": 4, "SUCCEEDED": n, "FAILED": 1} for n in range(3))
        script = iter([*(state("a", task_metrics=each) for each in metrics), done("a")])
        async with Poller(DashScope(KEY), transport=ScriptedTransport(lambda _: next(script))) as poller:
            assert [update.progress async for update in poller.watch("a")] == [None, 0.25, 0.5, 0.75, 1.0]

    run_virtually(main())


def test_a_slow_reader_skips_and_slows_nobody() -> None:
    """Latest wins."""

    async def main() -> None:
        metrics = ({"TOTAL": 100, "SUCCEEDED": n, "FAILED": 0} for n in range(50))
        script = iter([*(state("a", task_metrics=each) for each in metrics), done("a")])
        async with Poller(DashScope(KEY), transport=ScriptedTransport(lambda _: next(script))) as poller:
            seen = []
            async for update in poller.watch("a"):
                seen.append(update.progress)
                await asyncio.sleep(200.0)

        assert len(seen) < 10
        assert seen[-1] == 1.0
        assert now() < 1200.0

    run_virtually(main())


def test_watching_a_task_that_ended_tells_its_end() -> None:
    """One update, without a question."""

    async def main() -> None:
        async with Cloud(runs=0.0).poller() as poller:
            await poller.wait_for("a")
            assert [update.status async for update in poller.watch("a")] == [Status.SUCCEEDED]

    run_virtually(main())


# -- following -------------------------------------------------------------------------------------------------------


def test_track_follows_without_waiting() -> None:
    """The returned task names its provider; a later wait finds it ended."""

    async def main() -> None:
        cloud = Cloud(runs=20.0)
        async with cloud.poller() as poller:
            assert await poller.track("a") == Task("a", "dashscope")
            await asyncio.sleep(60.0)
            at = now()
            assert (await poller.wait_for("a")).ok
            assert now() == at

    run_virtually(main())


def test_forget_stops_following() -> None:
    """No more questions; those who wait are told; the outcome is dropped, too."""

    async def main() -> None:
        cloud = Cloud(runs=100.0)
        async with cloud.poller() as poller:
            wait = asyncio.create_task(poller.wait_for("a"))
            await asyncio.sleep(1.0)
            assert poller.forget("a") is True
            assert poller.forget("a") is False
            with pytest.raises(TaskForgotten, match="task a of dashscope was forgotten"):
                await wait
            await asyncio.sleep(100.0)
            assert cloud.asked("a") == 1

            await poller.wait_for("a")
            asked = cloud.asked("a")
            poller.forget("a")
            await poller.wait_for("a")
            assert cloud.asked("a") == asked + 1

    run_virtually(main())


def test_a_nudge_polls_next() -> None:
    """And tells whether the task is followed."""

    async def main() -> None:
        cloud = Cloud(runs=5.0)
        async with cloud.poller() as poller:
            wait = asyncio.create_task(poller.wait_for("a"))
            await asyncio.sleep(6.0)
            assert poller.nudge("a") is True
            assert poller.nudge("stranger") is False
            await wait
            assert now() < 7.0

    run_virtually(main())


def test_cancel_cancels_the_remote_task() -> None:
    """One POST; the end is then learned by the next poll."""

    async def main() -> None:
        canceled: set[str] = set()

        def script(request: Any) -> Reply:
            if request.method == "POST":
                canceled.add(id_of(request))
                return reply({"request_id": "r"})
            return state("a", "CANCELED" if "a" in canceled else "PENDING")

        transport = ScriptedTransport(script)
        async with Poller(DashScope(KEY), transport=transport) as poller:
            wait = asyncio.create_task(poller.wait_for("a"))
            await asyncio.sleep(3.0)
            await poller.cancel("a")
            assert (await wait).status is Status.CANCELED
            assert now() < 6.0

        assert transport.asked[1][1].url.endswith("/tasks/a/cancel")

    run_virtually(main())


def test_a_task_that_cannot_be_canceled_now_is_a_clear_error() -> None:
    """A RUNNING task goes on, and is billed."""

    async def main() -> None:
        transport = ScriptedTransport(lambda _: reply({"code": "UnsupportedOperation", "message": "running"}, 400))
        async with Poller(DashScope(KEY), transport=transport) as poller:
            with pytest.raises(NotSupported, match="UnsupportedOperation: running"):
                await poller.cancel("a")

    run_virtually(main())


def test_a_cancel_that_does_not_reach_the_provider_raises_after_five_attempts() -> None:
    """Hiccups in between are retried."""

    async def main() -> None:
        transport = ScriptedTransport(lambda _: missed("connect"))
        async with Poller(DashScope(KEY), transport=transport) as poller:
            with pytest.raises(TransportError, match="connect"):
                await poller.cancel("a")
        assert len(transport.asked) == 5

    run_virtually(main())


def test_a_provider_without_cancel_says_so_at_once() -> None:
    """Nothing is sent."""

    class Plain(DashScope):
        can_cancel = False

    async def main() -> None:
        transport = ScriptedTransport(lambda _: state("a"))
        async with Poller(Plain(KEY), transport=transport) as poller:
            with pytest.raises(NotSupported, match="cannot cancel"):
                await poller.cancel("a")
        assert transport.asked == []

    run_virtually(main())


def test_statistics_tell_the_state() -> None:
    """Frozen, in the units of the documentation."""

    async def main() -> None:
        cloud = Cloud(runs=50.0)
        cloud.trouble["bad"] = broken_connection
        async with cloud.poller() as poller:
            await poller.track("a")
            await poller.track("bad")
            await asyncio.sleep(20.0)
            statistics = poller.statistics()

        assert statistics.tracked == 2
        assert statistics.by_status[Status.RUNNING] == 1
        assert statistics.requests == statistics.polls + statistics.problems["disconnected"]
        assert statistics.request_budget == 1000.0
        with pytest.raises(AttributeError):
            statistics.tracked = 3

    run_virtually(main())


# -- refusals --------------------------------------------------------------------------------------------------------


def test_a_refusal_reaches_every_waiter_and_a_later_wait_tries_again() -> None:
    """All kinds of waits; the tasks are kept."""

    async def main() -> None:
        cloud = Cloud(runs=0.0)
        refused = {"now": True}

        def script(request: Any) -> Any:
            if refused["now"]:
                return reply({"code": "InvalidApiKey", "message": "no such key"}, 401)
            return cloud.answer(request)

        async with Poller(DashScope(KEY), transport=ScriptedTransport(script)) as poller:

            async def iterate() -> None:
                async for _ in poller.as_completed(["c"]):
                    pass

            async def look() -> None:
                async for _ in poller.watch("d"):
                    pass

            waits = (poller.wait_for("a"), poller.wait_all(["a", "b"]), iterate(), look())
            errors = await asyncio.gather(*waits, return_exceptions=True)
            assert [type(error) for error in errors] == [ProviderRefused] * 4
            assert (errors[0].provider, errors[0].code) == ("dashscope", "InvalidApiKey")
            assert len({id(error) for error in errors}) == 4

            await refusing(poller)  # still refused
            refused["now"] = False
            assert all(outcome.ok for outcome in await poller.wait_all(["a", "b", "c", "d"]))

    run_virtually(main())


# -- several providers -----------------------------------------------------------------------------------------------


def test_several_accounts_are_told_apart_by_name() -> None:
    """The same id may live at both."""

    async def main() -> None:
        cloud = Cloud(runs=0.0)
        providers = (DashScope(KEY, name="one"), DashScope(KEY, name="two"))
        async with Poller(*providers, transport=cloud.transport) as poller:
            first = await poller.wait_for("a", provider="one")
            second = await poller.wait_for(Task("a", provider="two"))
            assert (first.task.provider, second.task.provider) == ("one", "two")
            with pytest.raises(UnknownProvider, match="name the task's provider, one or two"):
                await poller.wait_for("a")
            with pytest.raises(UnknownProvider, match="provider='three': this poller has one or two"):
                await poller.wait_for("a", provider="three")
            with pytest.raises(UsageError, match="give one of them"):
                await poller.wait_for(Task("a", provider="two"), provider="one")

    run_virtually(main())


def test_one_refused_account_stops_no_other() -> None:
    """A refusal concerns the account."""

    async def main() -> None:
        def script(request: Any) -> Any:
            return reply({"code": "Arrearage"}, 403) if "bad" in request.url else done(id_of(request))

        bad = DashScope(KEY, name="bad", base_url="https://bad.example")
        good = DashScope(KEY, name="good", base_url="https://fine.example")
        async with Poller(bad, good, transport=ScriptedTransport(script)) as poller:
            waits = (poller.wait_for("a", provider="bad"), poller.wait_for("a", provider="good"))
            refused, outcome = await asyncio.gather(*waits, return_exceptions=True)

        assert isinstance(refused, ProviderRefused)
        assert outcome.ok

    run_virtually(main())


# -- its life --------------------------------------------------------------------------------------------------------


def test_closing_wakes_everyone_and_names_the_open_tasks() -> None:
    """All kinds of waits, those in the middle of a question included."""

    async def main() -> None:
        cloud = Cloud(runs=1e6, latency=5.0)
        poller = cloud.poller()
        async with poller:

            async def iterate() -> None:
                async for _ in poller.as_completed(["b"]):
                    pass

            waits = [asyncio.create_task(each) for each in (poller.wait_for("a"), poller.wait_all(["a"]), iterate())]
            await asyncio.sleep(1.0)
        errors = await asyncio.gather(*waits, return_exceptions=True)

        assert [type(error) for error in errors] == [PollerClosed] * 3
        assert {task.id for task in errors[0].open_tasks} == {"a", "b"}
        assert cloud.transport.closed
        await poller.aclose()
        with pytest.raises(PollerClosed, match="this poller is closed"):
            await poller.wait_for("a")

    run_virtually(main())


def test_closing_twice_at_once_is_harmless() -> None:
    """`aclose` is idempotent, also while it runs, also on a poller that was never opened."""

    async def main() -> None:
        poller = Cloud().poller()
        async with poller:
            await asyncio.gather(poller.aclose(), poller.aclose())
        unused = Cloud().poller()
        await unused.aclose()
        with pytest.raises(PollerClosed):
            await unused.wait_for("a")

    run_virtually(main())


def test_a_poller_must_be_open() -> None:
    """The error says how."""

    async def main() -> None:
        poller = Cloud().poller()
        with pytest.raises(UsageError, match="use it as: async with"):
            await poller.wait_for("a")
        async with poller:
            with pytest.raises(UsageError, match="make a new one"):
                async with poller:
                    pass

    run_virtually(main())


def test_a_poller_belongs_to_its_loop() -> None:
    """Another loop, or a thread without one, is a clear error."""

    async def main() -> None:
        async with Cloud().poller() as poller:

            def elsewhere() -> None:
                with pytest.raises(WrongLoop, match="another event loop"):
                    asyncio.run(poller.wait_for("a"))
                with pytest.raises(WrongLoop):
                    poller.nudge("a")

            await asyncio.to_thread(elsewhere)

    asyncio.run(main())


def test_a_poller_does_not_survive_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes reading one socket would mix up answers."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            with monkeypatch.context() as patch:
                patch.setattr("os.getpid", lambda: -1)
                with pytest.raises(WrongLoop, match="fork"):
                    await poller.wait_for("a")

    run_virtually(main())


def test_a_forgotten_poller_warns() -> None:
    """`ResourceWarning`, as files do."""

    async def main() -> None:
        poller = Cloud().poller()
        await poller.__aenter__()
        with pytest.warns(ResourceWarning, match="was not closed"):
            del poller
            gc.collect()

    run_virtually(main())


def test_the_repr_tells_the_state() -> None:
    """New, open, closed; and how many tasks."""

    async def main() -> None:
        poller = Cloud().poller()
        assert repr(poller) == "<Poller of dashscope: new, 0 tasks followed>"
        async with poller:
            await poller.track("a")
            assert repr(poller) == "<Poller of dashscope: open, 1 tasks followed>"
        assert "closed" in repr(poller)

    run_virtually(main())


# -- cancellation ----------------------------------------------------------------------------------------------------


def test_cancelling_a_waiter_touches_nothing_else() -> None:
    """Not the poll under way, not the other waiters, not the remote task."""

    async def main() -> None:
        cloud = Cloud(runs=100.0, latency=2.0)
        async with cloud.poller() as poller:
            waits = [asyncio.create_task(poller.wait_for("a")) for _ in range(5)]
            await asyncio.sleep(1.0)  # the first question is under way
            for wait in waits[:4]:
                wait.cancel()
            await asyncio.sleep(0)
            assert [wait.cancelled() for wait in waits] == [True] * 4 + [False]
            assert (await waits[4]).ok

        assert {request.method for _, request in cloud.transport.asked} == {"GET"}
        assert len(poller._waiters) == 0

    run_virtually(main())


async def single_wait(poller: Poller) -> Any:
    return await poller.wait_for("a", timeout=300.0)


async def many_waits(poller: Poller) -> Any:
    return await poller.wait_all(["a", "b", "a"])


async def one_by_one(poller: Poller) -> Any:
    return [outcome async for outcome in poller.as_completed(["a", "b"])]


async def looking(poller: Poller) -> Any:
    return [update async for update in poller.watch("a")]


async def canceling(poller: Poller) -> Any:
    return await poller.cancel("a")


@pytest.mark.parametrize("use", [single_wait, many_waits, one_by_one, looking, canceling])
def test_every_await_can_be_canceled(use: Any) -> None:
    """Before and after the awaited thing is done: nothing is swallowed, nothing leaks, others still get their end."""
    pollers: list[Poller] = []
    others: list[asyncio.Task[Outcome]] = []

    async def main() -> None:
        cloud = Cloud(runs=20.0)
        async with cloud.poller() as poller:
            pollers.append(poller)
            other = asyncio.create_task(poller.wait_for("a"))
            other.add_done_callback(others.append)
            await asyncio.sleep(0)
            await use(poller)

    def check() -> None:
        poller = pollers[-1]
        assert len(poller._waiters) == 0
        assert poller._driver._askers == {}
        other = others.pop()
        assert other.cancelled() or isinstance(other.exception(), PollerClosed) or other.result().ok

    assert cancel_everywhere(main, check) >= 3


def test_the_caller_of_aclose_can_be_canceled() -> None:
    """Closing goes on to its end all the same."""

    async def main() -> None:
        cloud = Cloud(latency=3.0)
        poller = cloud.poller()
        await poller.__aenter__()
        await poller.track("a")
        await asyncio.sleep(1.0)
        closing = asyncio.create_task(poller.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        await poller.aclose()
        assert cloud.transport.closed

    run_virtually(main())


# -- nothing blocks the loop -----------------------------------------------------------------------------------------


def test_tracking_in_bulk_lets_the_loop_breathe() -> None:
    """Ten thousand tasks are joined in steps; other callbacks run in between."""

    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with Cloud().poller() as poller:
            counting = asyncio.create_task(count())
            wait = asyncio.create_task(poller.wait_all([f"t{n}" for n in range(10_000)]))
            while poller.statistics().tracked < 10_000:
                await asyncio.sleep(0)
            counting.cancel()
            wait.cancel()
            await asyncio.gather(wait, counting, return_exceptions=True)

        assert turns >= 15

    run_virtually(main())


def test_a_slow_observer_delays_nobody() -> None:
    """Hooks run in a thread of their own."""

    async def main() -> None:
        told = []

        def slow(event: Any) -> None:
            time.sleep(0.03)
            told.append(event)

        async with Cloud(runs=0.0, latency=0.0).poller(observer=slow) as poller:
            begun = time.perf_counter()
            for number in range(10):
                await poller.wait_for(f"t{number}")
            assert time.perf_counter() - begun < 10 * 0.03
        assert told

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_big_answer_is_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes of JSON do not stop the loop."""
    threads: list[int] = []
    decode = DashScope.decode

    def noting(self: DashScope, tasks: Any, answer: Reply) -> Any:
        import threading

        threads.append(threading.get_ident())
        return decode(self, tasks, answer)

    monkeypatch.setattr(DashScope, "decode", noting)

    async def main() -> None:
        import threading

        big = {"output": {"task_id": "a", "task_status": "SUCCEEDED", "orig_prompt": "x" * 300_000}}
        transport = ScriptedTransport(lambda _: reply(big), latency=0.0)
        async with Poller(DashScope(KEY), transport=transport) as poller:
            assert (await poller.wait_for("a")).ok
        assert threads != [threading.get_ident()]

    asyncio.run(main())


# -- providers that raise --------------------------------------------------------------------------------------------


class BrokenAsk(DashScope):
    def ask(self, tasks: Any) -> Any:
        if tasks[0].id == "a":
            raise KeyError("sk-secret")
        return super().ask(tasks)


class BrokenRead(DashScope):
    def decode(self, tasks: Any, answer: Reply) -> Any:
        if b'"a"' in answer.body:
            raise KeyError("sk-secret")
        return super().decode(tasks, answer)


def test_a_provider_that_raises_while_asking_fails_its_waiters_only() -> None:
    """The error names class, method and exception; other waits go on; a later wait tries again."""

    async def main() -> None:
        cloud = Cloud(runs=30.0)
        async with Poller(BrokenAsk(KEY), transport=cloud.transport) as poller:
            other = asyncio.create_task(poller.wait_for("b"))
            for _ in range(2):
                with pytest.raises(UsageError, match=r"BrokenAsk\.ask raised KeyError: mend") as caught:
                    await poller.wait_for("a")
                assert "sk-secret" not in str(caught.value)
            assert (await other).ok

    run_virtually(main())


def test_a_provider_that_raises_while_reading_misses_polls() -> None:
    """They are seen in the update; after three in a row the waiter is told; other waits go on."""

    async def main() -> None:
        cloud = Cloud(runs=30.0)
        async with Poller(BrokenRead(KEY), transport=cloud.transport) as poller:
            assert (await poller.wait_for("b")).ok
            with pytest.raises(WaitTimeout) as caught:
                await poller.wait_for("a", timeout=1.0)
            assert "BrokenRead.decode raised KeyError: mend" in str(caught.value.update.problem)
            with pytest.raises(UsageError, match=r"BrokenRead\.decode raised KeyError: mend"):
                await poller.wait_for("a")

    run_virtually(main())


class OddError(WanpollError):
    def __init__(self, *, needed: int) -> None:
        self.needed = needed
        super().__init__(f"odd {needed}")


@pytest.mark.parametrize("nonsense", [None, "text", 7, Answer(("text",)), Answer((Observation("a", "SUCCEEDED"),))])
def test_a_provider_that_reads_nonsense_harms_itself_only(nonsense: Any) -> None:
    """It is not asked in a loop, and says so after three in a row; other waits go on."""

    class Nonsense(DashScope):
        def decode(self, tasks: Any, answer: Reply) -> Any:
            return nonsense if tasks[0].id == "a" else super().decode(tasks, answer)

    async def main() -> None:
        cloud = Cloud(runs=100.0)
        async with Poller(Nonsense(KEY), transport=cloud.transport) as poller:
            other = asyncio.create_task(poller.wait_for("b"))
            with pytest.raises(UsageError, match=r"Nonsense\.\w+ raised \w+: mend"):
                await poller.wait_for("a")
            assert cloud.asked("a") == 3
            assert (await other).ok

    run_virtually(main())


def test_an_error_that_cannot_be_made_from_its_args_is_still_raised() -> None:
    """Other people's errors have other constructors."""

    class Odd(DashScope):
        def ask(self, tasks: Any) -> Any:
            raise OddError(needed=5)

    async def main() -> None:
        async with Poller(Odd(KEY), transport=Cloud().transport) as poller:
            with pytest.raises(OddError, match="odd 5") as caught:
                await poller.wait_for("a")
            assert caught.value.needed == 5

    run_virtually(main())


def test_questions_that_somebody_else_cancels_are_missed_polls() -> None:
    """`for task in asyncio.all_tasks(): task.cancel()` is common at shutdown, and not the end of a poller."""

    async def main() -> None:
        cloud = Cloud(runs=30.0, latency=1.0)
        async with cloud.poller() as poller:
            wait = asyncio.create_task(poller.wait_for("a"))
            await asyncio.sleep(0.5)
            for task in asyncio.all_tasks() - {asyncio.current_task(), wait}:
                task.cancel()
            assert (await wait).ok

    run_virtually(main())


def test_an_answer_that_came_during_a_stall_of_our_own_is_read() -> None:
    """The deadline passed while the loop stood still, and so did the answer come: in the socket, it was in time."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        here, there = socket.socketpair()
        arrived = loop.create_future()
        loop.add_reader(here, lambda: arrived.done() or arrived.set_result(done("a")))

        def stall() -> None:
            there.send(b"x")
            loop.virtual_time += 10.5 - now()

        transport = ScriptedTransport(lambda _: arrived)
        async with Poller(DashScope(KEY), transport=transport, poll_timeout=10.0) as poller:
            loop.call_later(5.0, stall)
            assert (await poller.wait_for("a")).ok
            assert poller.statistics().problems == {}
        loop.remove_reader(here)
        here.close()
        there.close()

    run_virtually(main())


@pytest.mark.parametrize("seed", range(3))
def test_forgetting_keeps_the_quota_at_the_server(seed: int) -> None:
    """Requests of forgotten tasks are out, and arrive: they count, however late and whoever forgot them."""
    dice = random.Random(seed)
    arrivals: list[float] = []

    async def answer(request: Any) -> Reply:
        asyncio.get_running_loop().call_later(dice.uniform(0.01, 0.3), lambda: arrivals.append(now()))
        await asyncio.sleep(0.6)
        return state(id_of(request))

    async def main() -> None:
        transport = ScriptedTransport(answer, latency=0.0)
        async with Poller(DashScope(KEY, interval=1.0), transport=transport) as poller:
            for task in range(100):
                await poller.track(f"t{task}")
            for _ in range(300):
                await asyncio.sleep(0.1)
                for task in dice.sample(range(100), 5):
                    poller.forget(f"t{task}")
                    await poller.track(f"t{task}")

    run_virtually(main())
    assert len(arrivals) > 300
    assert all(later - sooner > 1.0 for sooner, later in zip(sorted(arrivals), sorted(arrivals)[20:], strict=False))


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_closing_while_a_bulk_wait_begins_names_its_tasks(turns: int) -> None:
    """Those that it had begun to follow, and those that it had not."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            wait = asyncio.create_task(poller.wait_all([f"t{number}" for number in range(5000)]))
            for _ in range(turns):
                await asyncio.sleep(0)
            await poller.aclose()
        with pytest.raises(PollerClosed) as caught:
            await wait
        assert len(caught.value.open_tasks) == (5000 if turns else 0)

    run_virtually(main())


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda error: Missed(error, retry_after="5"),
        lambda error: Missed(error, retry_after=float("nan")),
        lambda error: Missed(error, throttled=True, spent="quota"),
        lambda error: Missed("no"),
        lambda error: Broken(error),
        lambda error: Refused(401),
        lambda error: Rejected("no"),
        lambda error: Answer((), poll_after="5"),
        lambda error: NotYet(Status.RUNNING, poll_after=-1),
    ],
)
def test_a_class_that_makes_nonsense_harms_itself_only(nonsense: Any) -> None:
    """Its own waiters are told after a few answers; another account goes on."""

    class Odd(DashScope):
        def decode(self, tasks: Any, reply: Any) -> Any:
            return nonsense(TransportError("odd", "error answer"))

    async def main() -> None:
        cloud = Cloud(runs=100.0)
        async with Poller(Odd(KEY, name="odd"), DashScope(KEY, name="good"), transport=cloud.transport) as poller:
            other = asyncio.create_task(poller.wait_for("b", provider="good"))
            with pytest.raises(UsageError, match="mend the provider class"):
                await poller.wait_for("a", provider="odd")
            assert (await other).ok

    run_virtually(main())


@pytest.mark.parametrize("steps", range(12))
def test_askers_that_somebody_cancels_as_they_change_hands_lose_no_question(steps: int) -> None:
    """Whatever they have in hand when it comes: an answer just read, or the next question not yet sent."""

    async def main() -> None:
        cloud = Cloud(runs=100.0, latency=0.0)
        async with cloud.poller(max_in_flight=1, poll_timeout=1000.0) as poller:
            wait = asyncio.create_task(poller.wait_all(["a", "b", "c"]))
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task(), wait}:
                task.cancel()
            assert [outcome.ok for outcome in await wait] == [True] * 3
            assert now() < 400.0

    run_virtually(main())


def test_no_turn_reads_more_than_its_share() -> None:
    """Answers that come together are read together, but a heap of long ones lets others have a turn in between."""
    turns, read = [0], dict[int, int]()

    class Counting(DashScope):
        def read(self, tasks: Any, reply: Any) -> Any:
            read[turns[0]] = read.get(turns[0], 0) + len(reply.body)
            return super().read(tasks, reply)

    async def main() -> None:
        body = {"output": {"task_status": "RUNNING", "orig_prompt": "x" * 60_000}}
        async with Poller(Counting(KEY), transport=ScriptedTransport(lambda _: reply(body))) as poller:
            for task in range(20):
                await poller.track(f"t{task}")
            work = poller._driver._work
            poller._driver._work = lambda: (turns.append(turns.pop() + 1), work())
            await asyncio.sleep(1.0)
            assert poller.statistics().polls == 20

        assert sum(read.values()) > 1_200_000
        assert max(read.values()) < 400_000

    run_virtually(main())


@pytest.mark.parametrize("odd", [reply(b"<html>sign in</html>"), reply({"code": "InternalError"}), reply([])])
def test_only_the_providers_yes_is_a_successful_cancel(odd: Reply) -> None:
    """A portal's page with status 200 is asked again."""

    async def main() -> None:
        answers = iter([odd, reply({"request_id": "r"})])
        transport = ScriptedTransport(lambda _: next(answers))
        async with Poller(DashScope(KEY), transport=transport) as poller:
            await poller.cancel("a")
        assert len(transport.asked) == 2

    run_virtually(main())


def test_a_cancel_on_a_dead_connection_is_repeated_at_once() -> None:
    """Seconds later the task may be running, and billed."""

    async def main() -> None:
        dead = Missed(TransportError("dashscope", "disconnected"), at_once=True)
        answers = iter([dead, reply({"request_id": "r"})])
        async with Poller(DashScope(KEY), transport=ScriptedTransport(lambda _: next(answers))) as poller:
            await poller.cancel("a")
            assert now() < 1.0

    run_virtually(main())


def test_a_redirected_cancel_is_an_error_of_configuration() -> None:
    """Told at once."""

    async def main() -> None:
        async with Poller(DashScope(KEY), transport=ScriptedTransport(lambda _: reply({}, 302))) as poller:
            with pytest.raises(NotSupported, match="redirect, not followed; check base_url"):
                await poller.cancel("a")
            assert now() < 1.0

    run_virtually(main())


def test_a_cancel_that_its_caller_gave_up_is_not_sent() -> None:
    """As long as it waits for its turn in the quota."""

    async def main() -> None:
        cloud = Cloud(runs=1e6)
        async with cloud.poller(quota=Rate(1, per=60.0)) as poller:
            await poller.track("b")
            await asyncio.sleep(1.0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5.0):
                    await poller.cancel("a")
            await asyncio.sleep(200.0)
        assert {request.method for _, request in cloud.transport.asked} == {"GET"}

    run_virtually(main())


def test_a_bug_in_the_core_wakes_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a dead host."""

    async def main() -> None:
        async with Cloud(runs=1e6).poller() as poller:
            wait = asyncio.create_task(poller.wait_for("a"))
            await asyncio.sleep(1.0)
            monkeypatch.setattr(poller._machine, "take_due", lambda _: 1 / 0)
            with pytest.raises(WanpollError, match="wanpoll itself failed .ZeroDivisionError., please report"):
                await wait
            with pytest.raises(WanpollError, match="please report"):
                await poller.wait_for("b")

    run_virtually(main())


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["", "a/b", "../x", ".", "..", "a b", "x" * 257, "é", None, 7, b"a", ["a"]])
def test_a_bad_id_is_a_clear_error(bad: Any) -> None:
    """Nothing is sent; the message says what an id is."""

    async def main() -> None:
        cloud = Cloud()
        async with cloud.poller() as poller:
            with pytest.raises(InvalidTaskId, match="give the text that the submission answered"):
                await poller.wait_for(bad)
            with pytest.raises(InvalidTaskId):
                await poller.wait_all(["fine", bad])
            assert poller.statistics().tracked == 0
        assert cloud.transport.asked == []

    run_virtually(main())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": -1}, "timeout=-1"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": "5"}, "timeout='5'"),
        ({"expires_in": 0}, "expires_in=0"),
        ({"expires_in": float("inf")}, "expires_in=inf"),
    ],
)
def test_bad_seconds_are_clear_errors(options: dict[str, Any], words: str) -> None:
    """The message names the argument and its value."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            with pytest.raises(UsageError, match=words):
                await poller.wait_for("a", **options)
            assert len(poller._waiters) == 0

    run_virtually(main())


def test_one_id_where_several_belong_is_a_clear_error() -> None:
    """A text is a list of characters to Python, and each would be an id."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            with pytest.raises(UsageError, match="give a list of ids"):
                await poller.wait_all("abc")
            with pytest.raises(UsageError, match="give a list of ids"):
                poller.as_completed(Task("a"))

    run_virtually(main())


@pytest.mark.parametrize("kind", [5, b"wan", ["wan"], True])
def test_a_kind_that_is_no_text_is_a_usage_error(kind: object) -> None:
    """Nothing is followed then."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            with pytest.raises(UsageError, match="Task.kind="):
                await poller.track(Task("a", kind=kind))
            assert poller.statistics().tracked == 0

    run_virtually(main())


@pytest.mark.parametrize("bad", [datetime(2026, 1, 1), "2026-01-01", 1.5])
def test_what_the_types_forbid_is_a_clear_error(bad: Any) -> None:
    """A time without a zone would be off by hours."""

    async def main() -> None:
        async with Cloud().poller() as poller:
            with pytest.raises(UsageError, match="give an aware datetime"):
                await poller.wait_for(Task("a", submitted_at=bad))
            with pytest.raises(UsageError, match="context: give a mapping"):
                await poller.wait_for("a", context=bad)
            with pytest.raises(UnknownProvider, match="this poller has dashscope"):
                await poller.wait_for("a", provider=[bad])

    run_virtually(main())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Poller(), "needs a provider"),
        (lambda: Poller(DashScope), "give an instance, DashScope()"),
        (lambda: Poller("dashscope"), "a str is not a provider"),
        (lambda: Poller(DashScope(KEY), DashScope(KEY)), "two providers are named 'dashscope'"),
        (lambda: Poller(DashScope()), "no API key; pass api_key=... or set DASHSCOPE_API_KEY"),
        (lambda: Poller(DashScope(KEY), max_in_flight=0), "max_in_flight=0"),
        (lambda: Poller(DashScope(KEY), unknown_grace=-1), "unknown_grace=-1"),
        (lambda: Poller(DashScope(KEY), poll_timeout=0), "poll_timeout=0"),
        (lambda: Poller(DashScope(KEY), observer=7), "observer"),
        (lambda: DashScope(KEY, base_url="http://far.example/api"), "would travel in the clear"),
    ],
)
def test_a_bad_poller_is_a_clear_error(make: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which argument, what was wrong, what to do."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)

    with pytest.raises(UsageError, match=words.replace("(", r"\(").replace(")", r"\)")):
        make()


def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the official SDK reads them."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "https://workspace.example/api/v1/")

    async def main() -> None:
        transport = ScriptedTransport(lambda request: done(id_of(request)))
        async with Poller(DashScope(), transport=transport) as poller:
            await poller.wait_for("a")
        assert transport.asked[0][1].url == "https://workspace.example/api/v1/tasks/a"

    run_virtually(main())


# -- leaks -----------------------------------------------------------------------------------------------------------


def test_waits_that_come_and_go_leave_no_memory_behind() -> None:
    """A thousand timed-out waits for one task cost nothing afterwards."""

    async def main() -> None:
        async with Cloud(runs=1e6).poller() as poller:

            async def come_and_go() -> None:
                for _ in range(1000):
                    with pytest.raises(WaitTimeout):
                        await poller.wait_for("a", timeout=0.001)

            await come_and_go()
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            await come_and_go()
            gc.collect()
            after = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            assert after - before < 50_000

    with warnings.catch_warnings():
        run_virtually(main())


def test_outcomes_are_values() -> None:
    """Equal when they say the same, and frozen."""
    outcome = Outcome(Task("a"), Status.SUCCEEDED)

    assert outcome == Outcome(Task("a"), Status.SUCCEEDED)
    with pytest.raises(AttributeError):
        outcome.status = Status.FAILED
