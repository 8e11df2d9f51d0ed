import asyncio
from collections.abc import Awaitable, Callable

from tradewind.sdk.worker.alarms import GRAIN_SECONDS, Alarms, alarms


def with_alarms(work: Callable[[Alarms], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await work(alarms())

    asyncio.run(run())


def test_an_alarm_goes_off_once_and_not_before_its_time() -> None:
    async def work(set_ones: Alarms) -> None:
        loop = asyncio.get_running_loop()
        rung: list[float] = []
        began = loop.time()
        set_ones.after(0.05, lambda: rung.append(loop.time() - began))
        await until_after(set_ones, 0.1)
        assert len(rung) == 1
        assert rung[0] >= 0.05

    with_alarms(work)


def test_alarms_go_off_in_the_order_of_their_times_however_they_were_set() -> None:
    async def work(set_ones: Alarms) -> None:
        rung: list[float] = []
        for seconds in (0.06, 0.02, 0.04, 0.0):
            set_ones.after(seconds, lambda own=seconds: rung.append(own))  # type: ignore[misc]
        await until_after(set_ones, 0.08)
        assert rung == [0.0, 0.02, 0.04, 0.06]

    with_alarms(work)


def test_a_dropped_alarm_does_not_go_off_and_keeps_no_other_from_it() -> None:
    async def work(set_ones: Alarms) -> None:
        rung: list[str] = []
        early = set_ones.after(0.01, lambda: rung.append("early"))
        set_ones.after(0.03, lambda: rung.append("kept"))
        early.cancel()
        await until_after(set_ones, 0.05)
        early.cancel()
        assert rung == ["kept"]

    with_alarms(work)


def test_an_alarm_can_be_dropped_by_one_that_is_due_with_it() -> None:
    async def work(set_ones: Alarms) -> None:
        rung: list[str] = []

        def first() -> None:
            rung.append("first")
            second.cancel()

        # Both are due within one grain, whatever the time is.
        now = asyncio.get_running_loop().time()
        due = (int(now / GRAIN_SECONDS) + 4.5) * GRAIN_SECONDS - now
        set_ones.after(due, first)
        second = set_ones.after(due, lambda: rung.append("second"))
        await until_after(set_ones, 0.06)
        assert rung == ["first"]

    with_alarms(work)


def test_an_alarm_that_fails_keeps_no_other_from_going_off() -> None:
    async def work(set_ones: Alarms) -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

        def fail() -> None:
            raise OSError("no")

        set_ones.after(0.01, fail)
        set_ones.after(0.01, fail)
        await until_after(set_ones, 0.03)
        assert [str(failure) for failure in failures] == ["no", "no"]

    with_alarms(work)


async def until_after(set_ones: Alarms, seconds: float) -> None:
    """Wait for an alarm that is due later than those before it."""
    passed = asyncio.get_running_loop().create_future()
    set_ones.after(seconds, lambda: passed.set_result(None))
    await passed
