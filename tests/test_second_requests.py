"""Results that need a second request, links that can be asked for anew, requests that are signed one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from attrs import evolve

from wanpoll import (
    Media,
    NotSupported,
    Outcome,
    Poller,
    ProviderRefused,
    Rate,
    Status,
    Task,
    TransportError,
    UnknownProvider,
    UsageError,
)
from wanpoll.providers import Answer, DashScope, Observation, Reply, Request
from wanpoll.testing import ScriptedTransport, cancel_everywhere, missed, reply, run_virtually

STATE = {"status": "Success", "file_id": "99"}
FILE = {"link": "https://media.example/99.mp4?Signature=s"}


class Studio(DashScope):
    """A provider whose answer names a file, whose link is another request."""

    NAME: ClassVar[str] = "studio"
    KEY_VARIABLE: ClassVar[str] = "STUDIO_API_KEY"
    can_refresh: ClassVar[bool] = True

    def check_context(self, context: Mapping[str, Any]) -> None:
        if "floor" in context:
            raise UsageError("context['floor']: there is only one")

    def decode(self, tasks: Any, reply: Reply) -> Any:
        document = json.loads(reply.body)
        if reply.status != 200:
            return self.read_error(reply)
        status = {"Success": Status.SUCCEEDED}.get(document["status"], Status.RUNNING)
        seen = Observation(tasks[0].id, status, raw=document, follow_up=document.get("file_id"))
        return Answer((seen,))

    def ask_rest(self, task: Task, seen: Observation) -> Request:
        return Request("GET", f"{self.base_url}/files/{seen.follow_up}")

    def decode_rest(self, task: Task, seen: Observation, reply: Reply) -> Any:
        document = json.loads(reply.body) if reply.body.startswith(b"{") else {}
        if reply.status != 200:
            return self.read_error(reply)
        if "link" not in document:
            return Answer((seen,))
        return Answer((evolve(seen, media=(Media(document["link"], "video", file_id="99"),), follow_up=None),))

    def ask_refresh(self, outcome: Outcome) -> Request:
        if not outcome.media:
            raise NotSupported("there is no file")
        return Request("GET", f"{self.base_url}/files/{outcome.media[0].file_id}")

    def decode_refresh(self, outcome: Outcome, reply: Reply) -> Any:
        return self.decode_rest(outcome.task, Observation(outcome.task.id, outcome.status), reply)


def now() -> float:
    return asyncio.get_running_loop().time()


def studio(answer_file: Callable[[], Any], state: Any = STATE, **options: Any) -> tuple[Poller, ScriptedTransport]:
    """A poller, and what it asks: states are answered by `state`, files by the function."""
    transport = ScriptedTransport(lambda request: answer_file() if "/files/" in request.url else reply(state))
    return Poller(Studio("sk-key"), transport=transport, **options), transport


def paths(transport: ScriptedTransport) -> list[str]:
    return [request.url.rsplit("/", 2)[1] for _, request in transport.asked]


# -- the second request ----------------------------------------------------------------------------------------------


def test_a_result_is_complete_after_its_second_request() -> None:
    """It goes out at once, and the outcome has the media."""

    async def main() -> None:
        poller, transport = studio(lambda: reply(FILE))
        async with poller:
            outcome = await poller.wait_for("a")

            assert outcome.ok
            assert outcome.media == (Media(FILE["link"], "video", file_id="99"),)
            assert outcome.raw == STATE
            assert paths(transport) == ["tasks", "files"]
            assert now() < 1.0
            assert poller.statistics().requests == 2

    run_virtually(main())


@pytest.mark.parametrize(
    "failure",
    [
        missed(),
        reply({"code": "InternalError"}, 500),
        reply(b"<html>", 502),
        reply({"code": "InvalidParameter"}, 400),
        reply({}),
        reply(b"", 200),
    ],
)
def test_a_failing_second_request_is_neither_a_failure_nor_a_success_without_media(failure: Any) -> None:
    """It is asked again by itself; the state, which is known, is not."""

    async def main() -> None:
        answers = iter([failure, failure, failure, reply(FILE)])
        poller, transport = studio(lambda: next(answers))
        async with poller:
            problems = [update.problem async for update in poller.watch("a")]
            outcome = await poller.wait_for("a")

        assert outcome.ok
        assert outcome.media
        assert paths(transport) == ["tasks", *["files"] * 4]
        assert any(problems)

    run_virtually(main())


def test_second_requests_are_inside_the_quota() -> None:
    """They take places like any other."""

    async def main() -> None:
        transport = ScriptedTransport(lambda request: reply(FILE if "/files/" in request.url else STATE), latency=0.01)
        async with Poller(Studio("sk-key", quota=Rate(3, per=1.0)), transport=transport) as poller:
            outcomes = await poller.wait_all([f"t{number}" for number in range(30)])

        assert all(outcome.media for outcome in outcomes)
        times = transport.times()
        assert len(times) == 60
        assert all(later - sooner > 1.0 for sooner, later in zip(times, times[3:], strict=False))

    run_virtually(main())


def test_a_result_whose_rest_never_comes_expires_with_what_is_known() -> None:
    """The provider's own document is kept: it has the id of the file, which was paid for."""

    async def main() -> None:
        poller, _ = studio(lambda: reply({}, 500))
        async with poller:
            outcome = await poller.wait_for("a", expires_in=3600.0)

        assert (outcome.status, outcome.reason) == (Status.EXPIRED, "expired")
        assert outcome.raw == STATE

    run_virtually(main())


def test_a_refused_second_request_concerns_the_account() -> None:
    """Those who wait are told; a later wait goes on with the second request."""

    async def main() -> None:
        answers = iter([reply({"code": "InvalidApiKey"}, 401), reply(FILE)])
        poller, transport = studio(lambda: next(answers))
        async with poller:
            with pytest.raises(ProviderRefused):
                await poller.wait_for("a")
            assert (await poller.wait_for("a")).ok

        assert paths(transport) == ["tasks", "files", "files"]

    run_virtually(main())


# -- fresh links -----------------------------------------------------------------------------------------------------


def test_refresh_gives_fresh_links() -> None:
    """The outcome is as it was but for them; later waits get the fresh ones, too."""

    async def main() -> None:
        links = iter(["https://media.example/old", "https://media.example/new"])
        poller, _ = studio(lambda: reply({"link": next(links)}))
        async with poller:
            old = await poller.wait_for("a")
            fresh = await poller.refresh(old)

            assert [media.url for media in fresh.media] == ["https://media.example/new"]
            assert evolve(fresh, media=old.media) == old
            assert await poller.wait_for("a") is fresh

    run_virtually(main())


def test_refresh_of_a_stored_outcome() -> None:
    """A poller that never followed the task can ask, too: the outcome has all that is needed."""

    async def main() -> None:
        stored = Outcome(Task("a", "studio"), Status.SUCCEEDED, media=(Media(None, "video", file_id="99"),))
        poller, _ = studio(lambda: reply(FILE))
        async with poller:
            assert (await poller.refresh(stored)).media[0].url == FILE["link"]
            assert poller.statistics().tracked == 0

    run_virtually(main())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({}, 500), TransportError),
        (reply({"code": "InvalidParameter"}, 400), NotSupported),
        (reply({"code": "InvalidApiKey"}, 401), ProviderRefused),
        (reply({}), NotSupported),
    ],
)
def test_refresh_that_fails_says_why(answer: Reply, error: type[Exception]) -> None:
    """And the outcome stays as it was."""

    async def main() -> None:
        poller, _ = studio(lambda: answer)
        stored = Outcome(Task("a", "studio"), Status.SUCCEEDED, media=(Media("https://x", "video", file_id="99"),))
        async with poller:
            with pytest.raises(error):
                await poller.refresh(stored)

    run_virtually(main())


def test_refresh_of_what_cannot_be_refreshed() -> None:
    """No file, no such provider, no outcome, a provider without fresh links: each says so, and nothing is sent."""

    async def main() -> None:
        poller, transport = studio(lambda: reply(FILE))
        async with poller:
            with pytest.raises(NotSupported, match="no file"):
                await poller.refresh(Outcome(Task("a", "studio"), Status.FAILED))
            with pytest.raises(UnknownProvider):
                await poller.refresh(Outcome(Task("a", "elsewhere"), Status.SUCCEEDED))
            with pytest.raises(UsageError, match="Outcome"):
                await poller.refresh("a")
        async with Poller(DashScope("sk-key"), transport=transport) as other:
            with pytest.raises(NotSupported, match="no fresh links: .* download media before they expire"):
                await other.refresh(Outcome(Task("a", "dashscope"), Status.SUCCEEDED))
        assert transport.asked == []

    run_virtually(main())


def test_refresh_can_be_canceled_anywhere() -> None:
    """Whoever leaves, leaves no trace."""
    stored = Outcome(Task("a", "studio"), Status.SUCCEEDED, media=(Media(None, "video", file_id="99"),))

    async def refresh() -> None:
        poller, _ = studio(lambda: reply(FILE))
        async with poller:
            try:
                await poller.refresh(stored)
            finally:
                assert len(poller._waiters) == 0

    assert cancel_everywhere(refresh) > 0


# -- what each request carries ---------------------------------------------------------------------------------------


def test_every_request_can_be_signed() -> None:
    """`sign` gets each, polls and second requests, with the wall clock's time: for tokens that live for minutes."""

    class Signing(Studio):
        def sign(self, request: Request, now: float) -> Request:
            assert now > 1_700_000_000
            return evolve(request, headers={"X-Token": "made for this one"})

    async def main() -> None:
        transport = ScriptedTransport(lambda request: reply(FILE if "/files/" in request.url else STATE))
        async with Poller(Signing("sk-key"), transport=transport) as poller:
            await poller.wait_for("a")
        assert [request.headers for _, request in transport.asked] == [{"X-Token": "made for this one"}] * 2

    run_virtually(main())


def test_a_header_with_a_line_break_never_leaves() -> None:
    """That is a mistake of `sign`, not of the server: it is told at once, without the value."""

    class Careless(Studio):
        def sign(self, request: Request, now: float) -> Request:
            return evolve(request, headers={"X-Token": "secret\n"})

    async def main() -> None:
        transport = ScriptedTransport(lambda request: reply(STATE))
        async with Poller(Careless("sk-key"), transport=transport) as poller:
            with pytest.raises(UsageError, match="'X-Token' holds a line break") as caught:
                await poller.wait_for("a")
        assert "secret" not in str(caught.value)
        assert transport.asked == []

    run_virtually(main())


def test_a_provider_that_cannot_ask_for_fresh_links_is_named_by_its_function() -> None:
    """The blame is on `ask_refresh`, where it raised."""

    class Broken(Studio):
        def ask_refresh(self, outcome: Outcome) -> Request:
            raise LookupError("no such drawer")

    async def main() -> None:
        stored = Outcome(Task("a", "studio"), Status.SUCCEEDED, media=(Media(None, "video", file_id="99"),))
        async with Poller(Broken("sk-key"), transport=ScriptedTransport(lambda request: reply(FILE))) as poller:
            with pytest.raises(UsageError, match="ask_refresh raised LookupError"):
                await poller.refresh(stored)

    run_virtually(main())


def test_a_context_that_makes_no_sense_is_refused_at_once() -> None:
    """By every way to follow a task, before anything is asked."""

    async def main() -> None:
        poller, transport = studio(lambda: reply(FILE))
        async with poller:
            for call in (
                lambda: poller.wait_for("a", context={"floor": 3}),
                lambda: poller.wait_all([Task("a", context={"floor": 3})]),
                lambda: poller.track(Task("a"), context={"floor": 3}),
            ):
                with pytest.raises(UsageError, match="only one"):
                    await call()
        assert transport.asked == []

    run_virtually(main())


def test_the_server_names_the_next_poll() -> None:
    """`poll_after` of an answer that is no error: never sooner than that."""

    async def main() -> None:
        answers = iter([evolve(reply({"status": "Queueing"}), poll_after=120.0), reply({**STATE, "file_id": None})])
        transport = ScriptedTransport(lambda _: next(answers))
        async with Poller(Studio("sk-key"), transport=transport) as poller:
            await poller.wait_for("a")
        first, second = transport.times()
        assert second - first >= 120.0

    run_virtually(main())
