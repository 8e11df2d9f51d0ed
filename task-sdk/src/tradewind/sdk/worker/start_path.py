"""How an activity gets its process: isolation, with whom a reused process is shared, and which user it runs as."""

from __future__ import annotations

from pathlib import Path

from tradewind.sdk.contract import Assignment, Delivery, ExecuteTask, Isolation, encode
from tradewind.sdk.worker import run_as
from tradewind.sdk.worker.launcher import LaunchedProcess, LaunchRequest
from tradewind.sdk.worker.workplace import Workplace


class StartPath:
    """The way of one delivery to its process.

    Args:
        delivery: the activity.
        place: what the worker has for it.
    """

    def __init__(self, delivery: Delivery, place: Workplace) -> None:
        self._delivery = delivery
        self._place = place
        activity = delivery.activity
        self._task = activity if isinstance(activity, ExecuteTask) else None

    @property
    def unixname(self) -> str:
        """The user that the activity runs as."""
        return (self._task and self._task.run_as_user) or self._place.unixname

    def request(self, directory: Path) -> LaunchRequest:
        """What to ask the launcher for.

        Args:
            directory: the files of the snapshot.

        Raises:
            RunAsRefused: the worker may not run it as the user that the task names.
        """
        delivery, code = self._delivery, self._delivery.activity.code
        user = None
        if self._task is not None and self._task.run_as_user is not None:
            user = run_as.resolve(self._task.run_as_user, self._place.run_as_users, directory)
        assignment = Assignment(
            dispatch_id=delivery.dispatch_id,
            activity=delivery.activity,
            secrets=delivery.secrets,
            snapshot_directory=str(directory),
            xcom_backend=self._place.for_tasks.xcom_backend,
            xcom_classes=list(self._place.for_tasks.xcom_classes) or None,
        )
        # The snapshot and not the code id: a try may read files of its snapshot that the parse did not.
        code_key = f"{code.snapshot}:{code.file}:{user.name if user else ''}"
        return LaunchRequest(
            dispatch_id=delivery.dispatch_id,
            code_key=code_key if self._task and self._place.warm else None,
            snapshot_directory=directory,
            file=code.file,
            assignment=encode(assignment),
            isolation=self._task.isolation if self._task else Isolation.FORK,
            reuse_keys=self._reuse_keys(self._task, code_key) if self._task else (),
            run_as=user,
        )

    def secret_was_read(self, process: LaunchedProcess) -> None:
        """User code has asked for a secret that did not come with it: other tasks must not find it in the process."""
        if self._task is not None:
            process.keep_to(_key_of_task(self._task))

    def _reuse_keys(self, task: ExecuteTask, code_key: str) -> tuple[str, ...]:
        """A process that has only seen what came with its tries is good for tasks that get the same."""
        secrets = self._delivery.secrets
        given = sorted(
            [f"connection {one.conn_id}" for one in secrets.connections]
            + [f"variable {one.key}" for one in secrets.variables]
        )
        return _key_of_task(task), "\n".join((code_key, task.task_try.dag_id, *given))


def _key_of_task(task: ExecuteTask) -> str:
    identity = task.task_try
    place = (task.code.snapshot, task.code.file, task.run_as_user or "", identity.dag_id, identity.task_id)
    return "task\n" + "\n".join(place)
