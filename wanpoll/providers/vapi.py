"""V-API: `GET {base}/task/{task_id}`, which hands the upstream's own answer through.

Source: "Query: Task Results". What an answer looks like depends on how its task was submitted: three upstreams, three
shapes. The task says which (`context={"upstream": "minimax"}`), or the keys of the answer tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from wanpoll._core.model import Rate, Task
from wanpoll._core.readings import Reading
from wanpoll.exceptions import DecodeError, UsageError
from wanpoll.providers import dashscope, jimeng, minimax
from wanpoll.providers.base import Provider, quoted
from wanpoll.providers.exchange import Reply, Request
from wanpoll.providers.minimax import MiniMaxFiles
from wanpoll.providers.rules import ErrorRule, Verdict
from wanpoll.providers.wire import read_object, read_problem

Reader: TypeAlias = Callable[[Provider, Task, Mapping[str, Any], Reply], Reading]

UPSTREAMS: Mapping[str, Reader] = {
    "minimax": minimax.read_task,
    "jimeng": jimeng.read_task,
    "dashscope": dashscope.read_task,
}

ERRORS = (*minimax.CODES, *jimeng.CODES, *dashscope.ERRORS, ErrorRule(Verdict.REFUSED, http=(402,)))
"""The codes of the three upstreams do not collide: four digits, five digits, words."""


class VApi(MiniMaxFiles):
    """One V-API account. The key comes from `api_key` or VAPI_API_KEY.

    `Task.context` may name the upstream: `{"upstream": "minimax"}`, "jimeng" or "dashscope". Only MiniMax's results
    can be asked for again when their links are dead. No document names a quota: 5 queries a second is a modest guess.
    """

    NAME: ClassVar[str] = "vapi"
    BASE_URL: ClassVar[str] = "https://api.gpt.ge"
    KEY_VARIABLE: ClassVar[str] = "VAPI_API_KEY"
    QUOTA: ClassVar[Rate] = Rate(5, per=1.0)
    INTERVAL: ClassVar[float] = 15.0
    ERRORS: ClassVar[tuple[ErrorRule, ...]] = ERRORS
    ID_PATHS: ClassVar[tuple[str, ...]] = ("task_id", "output.task_id")
    FILES: ClassVar[str] = "task/minimax/v1/files/retrieve"

    def check_context(self, context: Mapping[str, Any]) -> None:
        """Raise `UsageError` for an upstream that is none of the three, and for what is no upstream."""
        if other := [key for key in context if key != "upstream"]:
            raise UsageError(f"context[{other[0]!r:.80}]: nothing else than 'upstream' is asked by; leave it out")
        upstream = context.get("upstream")
        if upstream is not None and upstream not in tuple(UPSTREAMS):
            known = ", ".join(map(repr, UPSTREAMS))
            raise UsageError(
                f"context['upstream']={upstream!r:.80}: give one of {known}, or none to have it told apart"
            )

    def ask(self, tasks: Sequence[Task]) -> Request:
        """`GET {base}/task/{task_id}`."""
        return Request("GET", f"{self.base_url}/task/{quoted(self.the_one(tasks).id)}")

    def decode(self, tasks: Sequence[Task], reply: Reply) -> Reading:
        """The upstream's answer, or V-API's own error: an object `error`, which no upstream has."""
        task, document = tasks[0], read_object(self.name, reply.body, reply.status)
        named = task.context.get("upstream")
        told = _told_apart(document)
        upstream = named if type(named) is str and named in UPSTREAMS else next(iter(told), None)
        if upstream is not None and not isinstance(document.get("error"), dict):
            if self.explaining:
                by = "the task's context" if named == upstream else "the keys of the answer"
                self.note(f"upstream {upstream}, by {by}")
            if reply.status == 200 and told and upstream not in told:
                raise DecodeError(
                    self.name,
                    "the body",
                    f"the answer is {told[0]}'s, but the task's context says {upstream}: "
                    f"give context={{'upstream': {told[0]!r}}}, or none",
                )
            return UPSTREAMS[upstream](self, task, document, reply)
        own = isinstance(document.get("error"), dict)
        self.note("error is an object: V-API's own" if own else "neither the task nor the keys tell the upstream")
        code, message = read_problem(document)
        if reply.status == 200 and not (code or message):
            raise DecodeError(
                self.name,
                "the body",
                f"its keys are those of none of {', '.join(UPSTREAMS)}: give the task's context={{'upstream': ...}}",
            )
        return self.read_error(reply, code, message)


def _told_apart(document: Mapping[str, Any]) -> Sequence[str]:
    """Whose answer this is, by its keys; of more than one, the first counts."""
    output = document.get("output")
    keys = {
        "minimax": "base_resp" in document,
        "jimeng": "time_elapsed" in document and "data" in document,
        "dashscope": isinstance(output, dict) and "task_status" in output,
    }
    return [upstream for upstream, there in keys.items() if there]
