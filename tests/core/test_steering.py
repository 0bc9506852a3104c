"""What forecasts get wrong is learned from ends."""

from __future__ import annotations

import pytest

from wanpoll._core.steering import Steering

INTERVAL = 15.0


def steered(mode: str, lag: float, polls: int, times: int = 300, crowd: int = 1) -> int:
    steering = Steering(INTERVAL, mode)
    for _ in range(times):
        steering.ended(lag, 120.0, polls, crowd)
    return steering.dearer


def test_economy_steers_for_half_of_the_advised_interval() -> None:
    """Lags above make requests cheaper, lags below make them dearer, whatever they cost."""
    assert steered("economy", 7.5, 99) == 0
    assert steered("economy", 9.0, 1) < -3
    assert steered("economy", 6.0, 99) > 3


def test_fast_steers_for_the_requests_of_the_advised_interval() -> None:
    """120 s are eight of them, whatever the lag is."""
    assert steered("fast", 0.1, 8) == 0
    assert steered("fast", 99.0, 12) > 3
    assert steered("fast", 0.1, 4) < -3


@pytest.mark.parametrize("mode", ["economy", "fast"])
def test_it_has_bounds(mode: str) -> None:
    """However wrong the forecast is, and for however long."""
    for lag, polls in ((1e9, 10**6), (0.0, 1), (1e9, 1), (0.0, 10**6)):
        assert -40 <= steered(mode, lag, polls, 3000) <= 45


def test_a_multitude_does_not_steer_before_it_could_have_been_heeded() -> None:
    """Of a thousand tasks under way, three hundred ends say what one of fifty says fifteen times."""
    assert steered("economy", 0.0, 9, times=300, crowd=1000) == steered("economy", 0.0, 9, times=15, crowd=50)


def test_one_long_lag_does_not_decide() -> None:
    """A task that slept with the machine for a day counts like a few others."""
    steering = Steering(INTERVAL, "economy")
    steering.ended(86_400.0, 120.0, 1, 1)

    assert steering.dearer == -1
