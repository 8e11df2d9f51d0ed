"""What may happen to a run, chosen at random."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.properties.run_model import RunModel
from tradewind.server.contract import DAG_RUN_FINAL, DagRunState, InterruptCause, TaskInstanceEvent, TaskInstanceState

State = TaskInstanceState
LONGEST_HISTORY = 400
ENDS = ("succeed", "succeed", "succeed and skip", "fail", "fail for good", "skip", "lose", "interrupt")


class History:
    """Makes things happen to a run.

    Args:
        model: the run.
        data: where choices come from.
        by_hand: how often people interfere: cancel, clear, or set a state.
    """

    def __init__(self, model: RunModel, data: st.DataObject, *, by_hand: int = 0) -> None:
        self.model = model
        self.data = data
        self.by_hand = by_hand

    @property
    def over(self) -> bool:
        """Whether nothing can happen any more."""
        return not self._possible()

    def go_on(self) -> None:
        """Something happens, if anything can."""
        possible = self._possible()
        if possible:
            task_id, event = self.data.draw(st.sampled_from(possible), label="event")
            self._happen(task_id, event)

    def _possible(self) -> list[tuple[str, str]]:
        model = self.model
        possible: list[tuple[str, str]] = []
        if model.run is DagRunState.RUNNING:
            possible += self._by_workers()
            if model.past is not None and not possible:
                possible.append(("", "past ends well"))
            elif model.past:
                possible.append(("", "past"))
        if self.by_hand > 0 and model.tasks:
            possible += self._by_people()
        return possible

    def _by_workers(self) -> list[tuple[str, str]]:
        possible: list[tuple[str, str]] = []
        for task_id in self.model.tasks:
            match self.model.state(task_id):
                case State.SCHEDULED:
                    possible.append((task_id, "claim"))
                case State.QUEUED:
                    possible += [(task_id, event) for event in ("start", *ENDS)]
                case State.RUNNING:
                    possible += [(task_id, event) for event in ENDS]
                case State.UP_FOR_RETRY:
                    possible.append((task_id, "wait"))
        return possible

    def _by_people(self) -> list[tuple[str, str]]:
        model = self.model
        possible: list[tuple[str, str]] = []
        if model.run not in DAG_RUN_FINAL:
            possible.append(("", "cancel"))
            possible += [(name, "mark") for name in model.tasks if model.state(name) is not State.SUCCESS]
        if model.run in DAG_RUN_FINAL or model.facts.end is None:
            possible.append(("", "clear"))
        return possible

    def _happen(self, task_id: str, event: str) -> None:
        model = self.model
        match event:
            case "fail":
                model.fail(task_id)
            case "fail for good":
                model.fail(task_id, retryable=False)
            case "lose":
                model.lose(task_id)
            case "interrupt":
                model.interrupt(task_id, InterruptCause.LEASE_CUT)
            case "succeed and skip":
                model.happen(task_id, TaskInstanceEvent.SUCCEED, skips=self._some_tasks("skips"))
            case "wait":
                model.advance(60)
            case "past" | "past ends well":
                self._change_past(well=event == "past ends well")
            case "cancel" | "clear" | "mark":
                self._interfere(task_id, event)
            case _:
                model.happen(task_id, TaskInstanceEvent(event))

    def _interfere(self, task_id: str, event: str) -> None:
        self.by_hand -= 1
        if event == "cancel":
            self.model.cancel()
        elif event == "mark":
            self.model.happen(task_id, TaskInstanceEvent.MARK_SUCCESS)
        else:
            self.model.advance(1)
            self.model.clear(self._some_tasks("cleared"))

    def _change_past(self, *, well: bool) -> None:
        names = sorted(self.model.past or ())
        states = [State.SUCCESS, State.SKIPPED] if well else list(State)
        chosen = names if well else [self.data.draw(st.sampled_from(names), label="past task")]
        changes = {name: self.data.draw(st.sampled_from(states), label="past state") for name in chosen}
        self.model.change_past(changes)

    def _some_tasks(self, label: str) -> list[str]:
        names = st.sampled_from(sorted(self.model.tasks))
        return sorted(self.data.draw(st.sets(names, min_size=1, max_size=3), label=label))
