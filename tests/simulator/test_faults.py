import pytest

from wanpoll.exceptions import UsageError
from wanpoll.simulator import FAULTS
from wanpoll.simulator.faults import FaultPlan


def drawn(plan, count=2_000, now=0.0):
    return [plan.draw(now) for _ in range(count)]


def test_the_mix_is_drawn_by_its_probabilities():
    """Each kind befalls requests as often as the mix says, and the rest is spared."""
    kinds = drawn(FaultPlan({"reset": 0.2, "html": 0.1}), 5_000)

    assert kinds.count("reset") / 5_000 == pytest.approx(0.2, abs=0.02)
    assert kinds.count("html") / 5_000 == pytest.approx(0.1, abs=0.02)
    assert kinds.count(None) / 5_000 == pytest.approx(0.7, abs=0.03)


def test_the_seed_decides():
    """The same seed draws the same faults, another seed others."""
    mix = {"reset": 0.3, "slow": 0.3}

    assert drawn(FaultPlan(mix, 1)) == drawn(FaultPlan(mix, 1))
    assert drawn(FaultPlan(mix, 1)) != drawn(FaultPlan(mix, 2))


def test_no_faults_by_default():
    """Without a mix and windows nothing befalls a request."""
    assert set(drawn(FaultPlan({}))) == {None}


def test_a_window_ends():
    """A window strikes from its start until its end, which is not in it."""
    plan = FaultPlan({})
    plan.inject("hang", now=10, seconds=5)

    assert [plan.draw(now) for now in (10, 14.9, 15, 16)] == ["hang", "hang", None, None]


def test_a_window_with_a_probability():
    """A window may strike only some requests; the others fall to what was there before."""
    plan = FaultPlan({"html": 1.0})
    plan.inject("reset", now=0, seconds=5, probability=0.5)
    kinds = drawn(plan, 2_000)

    assert kinds.count("reset") / 2_000 == pytest.approx(0.5, abs=0.05)
    assert kinds.count("reset") + kinds.count("html") == 2_000


def test_the_latest_window_comes_first():
    """A new window hides older ones."""
    plan = FaultPlan({})
    plan.inject("hang", now=0, seconds=9)
    plan.inject("reset", now=1, seconds=2)

    assert [plan.draw(now) for now in (2, 4)] == ["reset", "hang"]


def test_heal_ends_everything():
    """After heal, neither the mix nor a window strikes."""
    plan = FaultPlan({"html": 1.0})
    plan.inject("reset", now=0, seconds=100)
    before = plan.active(0)
    plan.heal()

    assert dict(before) == {"html": 1.0, "reset": 1.0}
    assert dict(plan.active(0)) == {}
    assert plan.draw(0) is None


@pytest.mark.parametrize("mix", [{"quake": 0.1}, {"reset": 1.5}, {"reset": -0.1}, {"reset": 0.6, "html": 0.6}])
def test_nonsense_mixes_are_refused(mix):
    """An unknown kind and probabilities that cannot be are UsageErrors that say what to give."""
    with pytest.raises(UsageError, match="give"):
        FaultPlan(mix)


def test_an_unknown_kind_names_the_known_ones():
    """The message lists every kind there is."""
    with pytest.raises(UsageError, match=r"'quake'.*throttle.*endless"):
        FaultPlan({}).inject("quake", 0, 1)

    assert len(FAULTS) == 15
