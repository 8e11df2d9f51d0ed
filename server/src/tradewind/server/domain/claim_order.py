"""Which waiting task instances are handed out next, within what is left of every limit.

DAGs take turns: the one with fewest active instances goes next (max-min fairness). Within a DAG the largest weight goes
first, then the earliest run. What a limit holds back stands in nobody's way: a lane without room is left out as a
whole, so that the number of instances behind it makes no difference.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

UNLIMITED: Final = -1
"""Slots of a pool that has room for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Waiting task instances of one run, pool and number of slots: the same limits hold for all of them.

    Attributes:
        max_active_tasks: active instances that each run of the DAG may have.
        slots: slots of the pool; `UNLIMITED` for any number.
        run_after: moment from which its run could start.
        first_pk: key of the one that goes first.
        first_weight: its effective weight.
        waiting_since: since when it waits.
    """

    queue: str
    dag_id: str
    run_pk: int
    pool: str
    pool_slots: int
    max_active_tasks: int
    slots: int
    run_after: datetime
    first_pk: int
    first_weight: int
    waiting_since: datetime


@dataclass(frozen=True, slots=True)
class Active:
    """Active task instances that are alike.

    Attributes:
        number: how many there are.
        slots: slots of their pool that they use together.
    """

    executor: str
    queue: str
    dag_id: str
    run_pk: int
    pool: str
    number: int
    slots: int


class Usage:
    """What is in use of the limits, and what is left.

    Args:
        active: all active task instances of the deployment.
        executor: the executor that hands out; DAGs are compared by what is active there.
        active_tasks: gives active instances of the tasks of a DAG that have a limit of their own, by task and run.
            It is asked once for each DAG that has such a task in line.
    """

    def __init__(
        self,
        active: Iterable[Active],
        executor: str,
        active_tasks: Callable[[str], Mapping[tuple[str, int], int]],
    ) -> None:
        self._runs: Counter[int] = Counter()
        self._pools: Counter[str] = Counter()
        self._dags: Counter[tuple[str, str]] = Counter()
        self._tasks: dict[str, Counter[tuple[str, int]]] = {}
        self._active_tasks = active_tasks
        for group in active:
            self._runs[group.run_pk] += group.number
            self._pools[group.pool] += group.slots
            if group.executor == executor:
                self._dags[group.queue, group.dag_id] += group.number

    def room(self, lane: Lane) -> int:
        """How many more instances of a lane the limits of its run and pool allow."""
        of_run = lane.max_active_tasks - self._runs[lane.run_pk]
        if lane.slots == UNLIMITED:
            return of_run
        return min(of_run, (lane.slots - self._pools[lane.pool]) // lane.pool_slots)

    def active_of(self, queue: str, dag_id: str) -> int:
        """Active instances of a DAG in a queue."""
        return self._dags[queue, dag_id]

    def allows(self, lane: Lane, row: Any) -> bool:
        """Whether the limits of the task itself allow one more instance of it."""
        if row.max_active_tis_per_dag is None and row.max_active_tis_per_dagrun is None:
            return True
        tasks = self._of_tasks(lane.dag_id)
        if (row.max_active_tis_per_dagrun or math.inf) <= tasks[row.task_id, lane.run_pk]:
            return False
        if row.max_active_tis_per_dag is None:
            return True
        return bool(
            sum(number for (task_id, _), number in tasks.items() if task_id == row.task_id) < row.max_active_tis_per_dag
        )

    def take(self, lane: Lane, row: Any) -> None:
        """Note that an instance is active from now on."""
        self._runs[lane.run_pk] += 1
        self._pools[lane.pool] += lane.pool_slots
        self._dags[lane.queue, lane.dag_id] += 1
        if lane.dag_id in self._tasks:
            self._tasks[lane.dag_id][row.task_id, lane.run_pk] += 1

    def _of_tasks(self, dag_id: str) -> Counter[tuple[str, int]]:
        if dag_id not in self._tasks:
            self._tasks[dag_id] = Counter(self._active_tasks(dag_id))
        return self._tasks[dag_id]


Read = Callable[[Lane, "Any | None", int], Sequence[Any]]
"""Gives the next rows of a lane, in its order, after a row or from the beginning, and no more than so many."""


@dataclass(eq=False, slots=True)
class _Reader:
    """A lane that is read piece by piece, each twice as large as the one before."""

    lane: Lane
    order: tuple[Any, ...]
    rows: deque[Any] = field(default_factory=deque)
    last: Any = None
    exhausted: bool = False
    size: int = 1

    def __lt__(self, other: _Reader) -> bool:
        return self.order < other.order


@dataclass(eq=False, slots=True)
class _Line:
    """What waits of one DAG in one queue: its lanes as a heap."""

    queue: str
    active: int
    waiting_since: datetime
    dag_id: str
    readers: list[_Reader]

    def __lt__(self, other: _Line) -> bool:
        return (self.active, self.waiting_since, self.dag_id) < (other.active, other.waiting_since, other.dag_id)


class ClaimOrder:
    """Picks waiting task instances one by one.

    Args:
        lanes: all lanes that are in question.
        usage: what is left of the limits; it is kept up to date by what is picked.
        read: gives the rows of a lane. They have `pk`, `task_id`, `priority_weight` and the two limits of the task.

    Attributes:
        held_back: whether some limit held something back.
        changing: whether something that waited is being changed by somebody else right now.
    """

    def __init__(self, lanes: Iterable[Lane], usage: Usage, read: Read) -> None:
        self.held_back = False
        self.changing = False
        self._usage = usage
        self._read = read
        of_dags: dict[tuple[str, str], list[Lane]] = {}
        for lane in lanes:
            of_dags.setdefault((lane.queue, lane.dag_id), []).append(lane)
        self._lines = [self._line(*key, found) for key, found in of_dags.items()]
        heapq.heapify(self._lines)

    def next(self, free: Callable[[str], int]) -> tuple[Lane, Any] | None:
        """The instance that goes next, with its lane; None when nothing is left that could go.

        Args:
            free: free places for a queue; they may only become fewer from call to call.
        """
        while self._lines:
            line = self._lines[0]
            places = free(line.queue)
            picked = self._pick(line, math.ceil(places / len(self._lines))) if places > 0 else None
            if picked is None:
                heapq.heappop(self._lines)
                continue
            self._usage.take(*picked)
            line.active += 1
            heapq.heapreplace(self._lines, line)
            return picked
        return None

    def _line(self, queue: str, dag_id: str, lanes: Sequence[Lane]) -> _Line:
        readers = [_Reader(lane, _order(lane, lane.first_weight, lane.first_pk)) for lane in lanes]
        heapq.heapify(readers)
        since = min(lane.waiting_since for lane in lanes)
        return _Line(queue, self._usage.active_of(queue, dag_id), since, dag_id, readers)

    def _pick(self, line: _Line, share: int) -> tuple[Lane, Any] | None:
        """The first instance of a DAG that the limits allow, taken out of its lane."""
        readers = line.readers
        while readers:
            reader = readers[0]
            room = self._usage.room(reader.lane)
            if room <= 0:
                self.held_back = True
            elif self._has_row(reader, min(room, share)):
                heapq.heapreplace(readers, reader)
                if readers[0] is reader:
                    row = reader.rows.popleft()
                    self._advance(reader)
                    heapq.heapreplace(readers, reader)
                    if self._usage.allows(reader.lane, row):
                        return reader.lane, row
                    self.held_back = True
                continue
            heapq.heappop(readers)
        return None

    def _has_row(self, reader: _Reader, most: int) -> bool:
        """Whether there is a next row; it is read if need be."""
        if reader.rows or reader.exhausted:
            return bool(reader.rows)
        asked = max(most, reader.size)
        found = self._read(reader.lane, reader.last, asked)
        reader.size = asked * 2
        reader.exhausted = len(found) < asked
        if reader.last is None and not any(row.pk == reader.lane.first_pk for row in found):
            self.changing = True
        reader.rows.extend(found)
        if found:
            reader.last = found[-1]
            self._advance(reader)
        return bool(found)

    @staticmethod
    def _advance(reader: _Reader) -> None:
        """Put a reader where its next row belongs; before that is read, it is no earlier than the last one."""
        row = reader.rows[0] if reader.rows else reader.last
        reader.order = _order(reader.lane, row.priority_weight, row.pk)


def _order(lane: Lane, weight: int, pk: int) -> tuple[Any, ...]:
    return (-weight, lane.run_after, lane.run_pk, pk)
