"""Import errors of DAG files."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter

from tradewind.server.api.public.access import Given, Limit, Number, Offset
from tradewind.server.api.public.shapes import Shape
from tradewind.server.store import dags

if TYPE_CHECKING:
    from tradewind.server.store.rows import ImportErrorRow

router = APIRouter(tags=["Import errors"])


class ImportError(Shape):  # noqa: A001 - the word of Airflow's API
    """Why a DAG file gave no DAGs. `filename` is relative to the bundle, and is where `line` counts.

    `stack_trace` begins with file, line and reason, whatever the traceback shows.
    """

    import_error_id: int
    timestamp: datetime
    filename: str
    bundle_name: str
    stack_trace: str
    line: int | None
    type: str
    message: str


class ImportErrorCollection(Shape):
    """Import errors and how many there are in all."""

    import_errors: list[ImportError]
    total_entries: int


@router.get("/importErrors")
async def list_import_errors(services: Given, limit: Limit = 50, offset: Offset = 0) -> ImportErrorCollection:
    """All import errors."""
    page = await services.store.read(lambda tx: dags.list_import_errors(tx, limit=limit, offset=offset))
    return ImportErrorCollection(import_errors=[_shape(row) for row in page.items], total_entries=page.total)


@router.get("/importErrors/{import_error_id}")
async def get_import_error(services: Given, import_error_id: Number) -> ImportError:
    """One import error."""
    return _shape(await services.store.read(lambda tx: dags.get_import_error(tx, import_error_id)))


def _shape(row: ImportErrorRow) -> ImportError:
    error = row.error
    place = f"{error.file}:{error.line}" if error.line is not None else error.file
    headline = f"{place}: {error.type}: {error.message}"
    return ImportError(
        import_error_id=row.id,
        timestamp=row.at,
        filename=row.file,
        bundle_name=row.bundle,
        stack_trace=f"{headline}\n\n{error.traceback}" if error.traceback else headline,
        line=error.line,
        type=error.type,
        message=error.message,
    )
