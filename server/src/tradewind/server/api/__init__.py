"""The API server: the Task Execution Interface, worker sessions and the public API."""

import sys

# FastAPI asks of each type whether it is a model of pydantic's first version, and would import all of that to find out:
# 3 MB in a process that has no such models. It takes a missing module for a no.
sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]  # as the import system marks it
