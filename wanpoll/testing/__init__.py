"""Tools for tests of code that waits, ours and yours: virtual time, a scripted transport, a cancellation sweep.

    async def main():
        transport = ScriptedTransport(lambda request: reply({"output": {...}}))
        async with Poller(DashScope("key"), transport=transport) as poller:
            ...

    run_virtually(main())  # a day of polls passes in seconds

And the contract of a provider (see `wanpoll.testing.contract`):

    @pytest.mark.parametrize("check", contract(Mine("key"), SAMPLES), ids=str)
    def test_contract(check):
        check()

For tests over real sockets see `wanpoll.simulator`.
"""

from wanpoll.testing.contract import contract
from wanpoll.testing.samples import BatchSample, Check, Sample
from wanpoll.testing.sweep import cancel_everywhere
from wanpoll.testing.transport import ScriptedTransport, missed, reply
from wanpoll.testing.virtual import VirtualLoop, run_virtually

__all__ = [
    "ScriptedTransport",
    "VirtualLoop",
    "cancel_everywhere",
    "missed",
    "reply",
    "run_virtually",
    "contract",
    "Sample",
    "BatchSample",
    "Check",
]

for _public in (
    ScriptedTransport,
    VirtualLoop,
    cancel_everywhere,
    missed,
    reply,
    run_virtually,
    contract,
    Sample,
    BatchSample,
    Check,
):
    _public.__module__ = "wanpoll.testing"
