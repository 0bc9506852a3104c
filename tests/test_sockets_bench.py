"""The bench on real sockets: what it says of a policy is what the simulator saw."""

from __future__ import annotations

from itertools import islice

import pytest

from benchmarks import sockets


def test_the_waits_of_the_peers():
    """In provider seconds."""
    assert list(islice(sockets.regular(), 3)) == [15.0, 15.0, 15.0]
    assert list(islice(sockets.exponential(), 3)) == [1.5, 2.25, 3.375]
    assert list(islice(sockets.sdk(), 10)) == [1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 5.0, 5.0]
    assert max(islice(sockets.exponential(), 100)) == 60.0


@pytest.mark.parametrize(("part", "name"), [(sockets.loops, "every 15 s"), (sockets.ours, "economy, scan")])
async def test_a_run_in_the_small(part, name, monkeypatch):
    """Every task ends, each was asked about, and no end is known before it is there."""
    monkeypatch.setattr(sockets, "SPEED", 300.0)
    monkeypatch.setattr(sockets, "IN_FLIGHT", 5)
    seen = await part(name, 10)

    assert 1.0 <= seen["requests"] < 60.0
    assert 0.0 <= seen["lag"] <= seen["p99"]
    assert seen["violations"] == 0
