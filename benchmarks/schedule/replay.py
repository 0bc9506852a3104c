"""The real core in virtual time: `Machine`, driven as the driver drives it, against lives that are known."""

from __future__ import annotations

import math
import time
from collections import deque
from datetime import UTC, datetime, timedelta

from attrs import frozen

from benchmarks.schedule.lives import Life
from benchmarks.schedule.workloads import Workload
from wanpoll import Rate, Status, Task
from wanpoll._core.entries import Ticket
from wanpoll._core.machine import Machine
from wanpoll._core.readings import NOT_YET, Answer, Observation, Reading

SCHEDULES = ("fixed", "economy", "fast")
INTERVAL = 15.0
LATENCY = 0.1
"""Seconds from a question to its answer; the server looks halfway."""

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""The wall clock at virtual second 0."""

NAME = "cloud"
NO_QUOTA = Rate(1_000_000, per=1.0)
_FOREVER = 1e9
_HOT = 1000
"""Turns of the loop in which nothing was submitted, asked or answered, until that counts as a hot loop."""


@frozen
class Run:
    """What a policy did: for each task how often it was asked about, and the seconds from its end to the news.

    `cpu` is in seconds, that of the harness included. `asked_at` is when the server saw each question.
    """

    polls: list[int]
    lags: list[float]
    cpu: float = 0.0
    asked_at: tuple[float, ...] = ()


def wall(seconds: float) -> datetime:
    """The wall clock at a virtual second."""
    return EPOCH + timedelta(seconds=seconds)


def machine(schedule: str, quota: Rate = NO_QUOTA, remember: int = 100) -> Machine:
    """A machine with one account."""
    made = Machine()
    made.begin(EPOCH.timestamp())
    made.add_account(NAME, quota=quota, interval=INTERVAL, schedule=schedule, max_in_flight=100_000, remember=remember)
    return made


def replay(schedule: str, workload: Workload, lives: list[Life], quota: Rate = NO_QUOTA) -> Run:
    """Let the core follow all `lives` to their ends."""
    replayed = Replay(machine(schedule, quota), workload, lives)
    start = time.process_time()
    replayed.go()
    cpu = time.process_time() - start
    return Run(replayed.polls, replayed.lags, cpu, tuple(replayed.asked_at))


class Replay:
    """One machine and its tasks, turn by turn."""

    def __init__(self, core: Machine, workload: Workload, lives: list[Life]) -> None:
        self.core = core
        self.workload = workload
        self.lives = lives
        self.polls = [0] * len(lives)
        self.lags = [-1.0] * len(lives)
        self.asked_at: list[float] = []
        self.submitted = 0
        self.left = len(lives)
        self.answers: deque[tuple[float, Ticket, Reading]] = deque()  # all take as long: they come in order

    def go(self, until: float = math.inf) -> None:
        """Until all have ended, or the virtual second `until` has come."""
        idle = 0
        while self.left and (now := self._next()) < until:
            idle = 0 if self._turn(now) else idle + 1
            if idle > _HOT:
                raise RuntimeError(f"{self.workload.name}: a hot loop at {now:,.3f} s with {self.left} tasks left")

    def _turn(self, now: float) -> bool:
        """Everything that is to be done at `now`; whether there was anything."""
        submitted, read = self._submit(now), self._read(now)
        asked = self._ask(now)
        self.core.take_events()
        return submitted or read or asked

    def _next(self) -> float:
        at = self.core.next_at()
        times = [] if at is None else [at]
        if self.answers:
            times.append(self.answers[0][0])
        if self.submitted < len(self.lives):
            times.append(self.lives[self.submitted].submitted)
        return max(0.0, min(times))  # what was submitted before is told at the beginning

    def _submit(self, now: float) -> bool:
        before = self.submitted
        while self.submitted < len(self.lives) and self.lives[self.submitted].submitted <= now:
            life = self.lives[self.submitted]
            task = Task(str(self.submitted), NAME, kind=life.kind, submitted_at=wall(life.submitted))
            self.core.track(NAME, task, now, expires_in=_FOREVER, age=max(0.0, now - life.submitted))
            self.submitted += 1
        return self.submitted > before

    def _read(self, now: float) -> bool:
        if not self.answers or self.answers[0][0] > now:
            return False
        while self.answers and self.answers[0][0] <= now:
            _, ticket, reading = self.answers.popleft()
            if isinstance(reading, Answer):
                index = int(ticket.tasks[0].id)
                self.lags[index] = now - self.lives[index].finished
                self.left -= 1
            self.core.observe(ticket, reading, now)
        return True

    def _ask(self, now: float) -> bool:
        tickets = self.core.take_due(now)
        for ticket in tickets:
            self.polls[int(ticket.tasks[0].id)] += 1
            self.asked_at.append(now + LATENCY / 2)
            self.answers.append((now + LATENCY, ticket, self._reading(ticket.tasks[0].id, now + LATENCY / 2)))
        if self.core.take_overdue():
            raise RuntimeError(f"{self.workload.name}: a question was given up that would have been answered")
        return bool(tickets)

    def _reading(self, task_id: str, at: float) -> Reading:
        life = self.lives[int(task_id)]
        if at < life.finished:
            return NOT_YET[Status.PENDING if self.workload.states and at < life.started else Status.RUNNING]
        if not self.workload.times:
            return Answer((Observation(task_id, Status.SUCCEEDED),))
        seen = Observation(
            task_id,
            Status.SUCCEEDED,
            submitted_at=wall(life.submitted),
            started_at=wall(life.started) if self.workload.states else None,
            finished_at=wall(life.finished),
        )
        return Answer((seen,))
