"""The work queue of every bus."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

from contract.bus_kit import (
    LONG_ACK_WAIT_S,
    SHORT_S,
    SOON_S,
    BusFixtures,
    take,
)

from reelscope_runtime.bus.base import PRIORITIES, Bus


class TaskConformance(BusFixtures):
    """See `BusConformance`."""

    async def test_a_task_arrives_as_it_was_sent(self, bus: Bus, other: Bus, service: str) -> None:
        headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x-Job": "grüße"}
        assert await bus.publish_task(service, "high", b"\x00payload", message_id=f"{service}.1", headers=headers)
        source = await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        delivery = await take(source)
        assert delivery.payload == b"\x00payload"
        assert delivery.headers == headers
        assert delivery.subject == f"reelscope.task.{service}.high"
        assert delivery.message_id == f"{service}.1"
        assert delivery.attempt == 1
        assert delivery.priority == "high"
        await delivery.ack()
        assert await source.next(SHORT_S) is None

    async def test_nothing_to_do_is_none_after_the_timeout(self, bus: Bus, service: str) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        began = time.monotonic()
        assert await source.next(SHORT_S) is None
        assert SHORT_S <= time.monotonic() - began < SOON_S

    async def test_a_waiting_worker_is_woken(self, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]) -> None:
        source = await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        waiting = asyncio.ensure_future(take(source))
        assert await (await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)).next(SHORT_S) is None
        assert not waiting.done()
        await publish("late")
        delivery = await waiting
        assert delivery.payload == b"late"
        await delivery.ack()

    async def test_tasks_of_one_priority_come_in_their_order(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        for number in range(20):
            await publish(f"{number}")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        seen = []
        for _ in range(20):
            delivery = await take(source)
            seen.append(int(delivery.payload))
            await delivery.ack()
        assert seen == list(range(20))

    async def test_high_comes_before_normal_before_low(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        for priority in ("low", "normal", "high", "normal", "high"):
            await publish(f"{priority}.{uuid.uuid4().hex}", priority)
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        seen = [(await take(source)).priority for _ in range(5)]
        assert seen == ["high", "high", "normal", "normal", "low"]

    async def test_a_queue_that_never_empties_starves_no_other(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        for number in range(16):
            for priority in PRIORITIES:
                await publish(f"{priority}.{number}", priority)
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        seen = [(await take(source)).priority for _ in range(16)]
        assert seen.count("high") == 12
        assert seen.count("normal") == 2
        assert seen.count("low") == 2

    async def test_the_same_message_id_queues_one_task(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        assert await publish("once")
        assert not await publish("once")
        assert not await other.publish_task(service, "normal", b"again", message_id=f"{service}.once")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        delivery = await take(source)
        await delivery.ack()
        assert not await publish("once")
        assert await source.next(SHORT_S) is None

    async def test_services_do_not_see_each_others_tasks(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("mine")
        stranger = await bus.tasks(f"{service}-2", ack_wait_s=LONG_ACK_WAIT_S)
        assert await stranger.next(SHORT_S) is None

    async def test_nak_gives_a_task_back_at_once(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("hot potato")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        second = await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        await (await take(source)).nak()
        delivery = await take(second)
        assert delivery.payload == b"hot potato"
        assert delivery.attempt == 2
        await delivery.ack()

    async def test_nak_with_a_delay_waits_that_long(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("later")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        delivery = await take(source)
        began = time.monotonic()
        await delivery.nak(delay_s=1.0)
        again = await take(source)
        # The server's timers and ours start a network trip apart.
        assert time.monotonic() - began > 0.95
        assert again.attempt == 2
        await again.ack()

    async def test_a_task_without_heartbeat_goes_to_another_worker(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("abandoned")
        source = await bus.tasks(service, ack_wait_s=SHORT_S)
        assert (await take(source)).attempt == 1
        second = await other.tasks(service, ack_wait_s=SHORT_S)
        assert (await take(second)).attempt == 2
        third = await take(second)
        assert third.attempt == 3
        assert third.message_id == f"{service}.abandoned"
        await third.ack()

    async def test_heartbeats_keep_a_task(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("long work")
        source = await bus.tasks(service, ack_wait_s=1.0)
        second = await other.tasks(service, ack_wait_s=1.0)
        delivery = await take(source)
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            await delivery.heartbeat()
            assert await second.next(0.2) is None
        await delivery.ack()
        assert await second.next(1.5) is None

    async def test_a_late_ack_still_ends_the_task(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("slow")
        source = await bus.tasks(service, ack_wait_s=SHORT_S)
        second = await other.tasks(service, ack_wait_s=SHORT_S)
        slow = await take(source)
        again = await take(second)
        assert again.attempt == 2
        await slow.ack()
        await again.ack()
        await asyncio.sleep(3 * SHORT_S)  # by now it would have come back
        assert await second.next(SHORT_S) is None

    async def test_a_terminated_task_never_comes_again(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("hopeless")
        source = await bus.tasks(service, ack_wait_s=SHORT_S)
        await (await take(source)).term()
        await asyncio.sleep(3 * SHORT_S)  # by now it would have come back
        assert await source.next(SHORT_S) is None

    async def test_two_workers_share_the_tasks(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        names = [f"task {number}" for number in range(60)]
        for number, name in enumerate(names):
            await publish(name, PRIORITIES[number % 3])
        done: list[str] = []

        async def work(end: Bus) -> None:
            source = await end.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
            while len(done) < len(names):
                delivery = await source.next(SHORT_S)
                if delivery is not None:
                    assert delivery.attempt == 1
                    done.append(delivery.payload.decode())
                    await delivery.ack()

        await asyncio.gather(work(bus), work(other))
        assert sorted(done) == sorted(names)

    async def test_several_workers_ask_one_source(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        waiting = [asyncio.ensure_future(take(source)) for _ in range(4)]
        for number in range(4):
            await publish(f"{number}")
        deliveries = await asyncio.gather(*waiting)
        assert sorted(delivery.payload for delivery in deliveries) == [b"0", b"1", b"2", b"3"]

    async def test_a_source_takes_no_more_than_it_returns(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("first")
        await publish("second")
        assert (await take(await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S))).payload == b"first"
        delivery = await take(await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S))
        assert delivery.payload == b"second"
        assert delivery.attempt == 1

    async def test_a_cancelled_wait_costs_no_task(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        names = [f"{number}" for number in range(40)]
        for name in names:
            await publish(name)
        seen: list[str] = []
        for round_number in range(4000):
            waiting = asyncio.ensure_future(source.next(SOON_S))
            for _ in range(round_number % 40):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            if waiting.cancelled():
                continue
            delivery = waiting.result()
            assert delivery is not None
            assert delivery.attempt == 1
            seen.append(delivery.payload.decode())
            await delivery.ack()
            if len(seen) == len(names):
                break
        while len(seen) < len(names):
            delivery = await take(source)
            seen.append(delivery.payload.decode())
            await delivery.ack()
        assert sorted(seen) == sorted(names)

    async def test_a_closed_source_ends_its_waits_and_keeps_the_queue(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        waiting = asyncio.ensure_future(source.next(SOON_S))
        assert await (await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)).next(SHORT_S) is None
        await source.close()
        assert await asyncio.wait_for(waiting, 1.0) is None
        await publish("kept")
        assert (await take(await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S))).payload == b"kept"
