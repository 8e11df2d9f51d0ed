from tradewind.server.contract import ActivityKind, Connection, ExecuteTask, Grants, ParseDagFile, Variable
from tradewind.server.store import Transaction, dispatches, secrets
from tradewind.server.store.handouts import ClaimRequest, LossCause

from .conftest import NOW, QUEUED, SCHEDULED, World, play, serialized


def test_a_ready_task_is_pushed_with_everything_it_needs(world: World) -> None:
    async def scene() -> None:
        worker = await world.connect()
        await world.declare("d", [serialized("a")])
        async with world.dispatcher():
            await world.make_ready("d")
            (delivery,) = await worker.delivered()
        activity = delivery.activity
        assert isinstance(activity, ExecuteTask)
        assert (activity.task_try.dag_id, activity.task_try.run_id, activity.task_try.task_id) == ("d", "r", "a")
        assert delivery.takeover_after_seconds == world.settings.workers.takeover_after_seconds
        caller = world.signer.verify(delivery.token, now=NOW)
        assert (caller.kind, caller.activity_id) == (ActivityKind.EXECUTE_TASK, activity.task_try.try_id)
        assert (caller.dispatch_id, caller.expires_at) == (delivery.dispatch_id, delivery.token_expires_at)
        instance = await world.instance("d", "a")
        assert (instance.state, instance.dispatch_id, instance.worker) == (QUEUED, delivery.dispatch_id, "w")

    play(scene())


def test_a_parse_is_pushed_with_a_token_of_its_own(world: World) -> None:
    async def scene() -> None:
        worker = await world.connect()
        async with world.dispatcher():
            parse_id = await world.ask_for_parse("a.py")
            (delivery,) = await worker.delivered()
        assert isinstance(delivery.activity, ParseDagFile)
        assert delivery.activity.parse_id == parse_id
        caller = world.signer.verify(delivery.token, now=NOW)
        assert (caller.kind, caller.activity_id) == (ActivityKind.PARSE_DAG_FILE, parse_id)

    play(scene())


def test_parses_come_before_tasks(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        await world.make_ready("d")
        await world.ask_for_parse("b.py")
        async with world.dispatcher():
            worker = await world.connect()
            kinds = [delivery.activity.kind for delivery in await worker.delivered(2)]
        assert kinds == ["parse_dag_file", "execute_task"]

    play(scene())


def test_secrets_that_are_declared_by_name_travel_along_and_others_do_not(world: World) -> None:
    async def scene() -> None:
        lake = Connection(conn_id="lake", conn_type="http", password="hush")

        def put_secrets(tx: Transaction) -> None:
            for key in ("colour", "shape", "size_1"):
                secrets.put_variable(tx, Variable(key=key, value=f"my {key}"))
            secrets.put_connection(tx, lake)

        await world.store.write(put_secrets)
        grants = Grants(connections=["lake", "missing"], variables=["colour", "size_*"])
        await world.declare("d", [serialized("a", grants=grants), serialized("b")])
        worker = await world.connect()
        async with world.dispatcher():
            await world.make_ready("d")
            deliveries = await worker.delivered(2)
        pushed = {
            delivery.activity.task_try.task_id: delivery.secrets
            for delivery in deliveries
            if isinstance(delivery.activity, ExecuteTask)
        }
        assert pushed["a"].variables == [Variable(key="colour", value="my colour")]
        assert pushed["a"].connections == [lake]
        assert (pushed["b"].variables, pushed["b"].connections) == ([], [])

    play(scene())


def test_a_task_waits_for_a_worker_of_its_queue(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", queue="gpu"), serialized("b")])
        worker = await world.connect()
        nobody = await world.connect(queues=(), instance_id="00000000-0000-0000-0000-000000000002")
        async with world.dispatcher():
            await world.make_ready("d")
            (first,) = await worker.delivered()
            assert isinstance(first.activity, ExecuteTask)
            assert first.activity.task_try.task_id == "b"
            assert (await world.instance("d", "a")).state is SCHEDULED
            gpu = await world.connect(queues=("gpu",), instance_id="00000000-0000-0000-0000-000000000003")
            await gpu.delivered()
        assert nobody.deliveries == []

    play(scene())


def test_a_task_waits_for_a_free_place_and_goes_as_soon_as_there_is_one(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized(f"t{number}") for number in range(3)])
        worker = await world.connect()
        async with world.dispatcher():
            await world.make_ready("d")
            first, _ = await worker.delivered(2)
            world.executor.ended([first.dispatch_id])
            await worker.delivered(3)
        assert len({delivery.dispatch_id for delivery in worker.deliveries}) == 3

    play(scene())


def test_a_dispatch_that_ended_elsewhere_is_cancelled_at_its_worker(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        worker = await world.connect()
        async with world.dispatcher():
            await world.make_ready("d")
            (first,) = await worker.delivered()
            await world.store.write(lambda tx: dispatches.lose(tx, [first.dispatch_id], LossCause.WORKER_SILENT))
            await worker.until(lambda: worker.cancelled == [first.dispatch_id])
            # A lost try goes back in line, and to the worker again under another dispatch.
            _, second = await worker.delivered(2)
        assert second.dispatch_id != first.dispatch_id

    play(scene())


def test_what_a_closed_session_did_not_take_is_delivered_when_its_worker_returns(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        gone = await world.connect()
        gone.closed = True
        async with world.dispatcher() as dispatcher:
            await world.make_ready("d")
            await gone.until(lambda: gone.refused == 1)
            queued = await world.instance("d", "a")
            assert queued.state is QUEUED
            returned = await world.connect()
            assert [handout.dispatch_id for handout in returned.redeliver] == [queued.dispatch_id]
            await dispatcher.deliver_again(returned.redeliver)
            (delivery,) = await returned.delivered()
        assert delivery.dispatch_id == queued.dispatch_id
        assert world.signer.verify(delivery.token, now=NOW).dispatch_id == queued.dispatch_id

    play(scene())


def test_work_that_waits_at_the_start_needs_no_hint(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        await world.make_ready("d")
        worker = await world.connect()
        async with world.dispatcher():
            await worker.delivered()

    play(scene())


def test_a_lost_hint_costs_nothing_but_time(world: World) -> None:
    async def scene() -> None:
        polling = world.settings.scheduler.model_copy(update={"poll_seconds": 0.1})
        world.settings = world.settings.model_copy(update={"scheduler": polling})
        await world.declare("d", [serialized("a")])
        worker = await world.connect()
        async with world.dispatcher():
            await world.make_ready("d", silently=True)
            await worker.delivered()

    play(scene())


def test_dispatches_of_brokers_are_not_pushed_over_a_session(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", executor="slurm")])
        await world.make_ready("d")
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor="slurm", limit=1)
        handouts = await world.store.write(lambda tx: dispatches.claim(tx, [request]))
        assert len(handouts) == 1
        worker = await world.connect()
        async with world.dispatcher() as dispatcher:
            await dispatcher.deliver_again(handouts)
        assert worker.deliveries == []

    play(scene())
