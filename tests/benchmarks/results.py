"""The file of results: written after each figure, so that nothing measured is lost when a later one fails."""

import json
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import conditions
from tests.benchmarks.measuring import Numbers, across_runs
from tests.benchmarks.sizes import Sizes


def say(line: str) -> None:
    """Tell how far the measuring is, apart from the result."""
    print(line, file=sys.stderr, flush=True)


@dataclass
class Results:
    """What has been measured so far.

    Attributes:
        sizes: of the figures.
        out: file to keep as it grows; None keeps nothing.
        systems: one for each product, database and topology: what it was, and its figures.
        failures: figures that could not be measured, and why.
    """

    sizes: Sizes
    out: Path | None = None
    systems: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _session: dict[str, Any] = field(default_factory=conditions.of_session)

    def system(self, product: str, database: str, topology: str) -> dict[str, Any]:
        """Return where the figures of one system go."""
        name = {"product": product, "database": database, "topology": topology}
        for system in self.systems:
            if name.items() <= system.items():
                return system
        self.systems.append({**name, "figures": {}})
        return self.systems[-1]

    def add(self, system: dict[str, Any], figure: str, runs: list[Numbers]) -> None:
        """Keep what the runs of a figure have come to."""
        numbers = system["figures"][figure] = across_runs(runs)
        shown = ", ".join(f"{name} {values['median']:g}" for name, values in numbers.items())
        say(f"{system['product']} {system['topology']} {system['database']} {figure}: {shown}")
        self.save()

    def fail(self, system: dict[str, Any], figure: str, error: BaseException) -> None:
        """Keep that a figure could not be measured."""
        where = f"{system['product']} {system['topology']} {system['database']} {figure}"
        self.failures.append(f"{where}: {''.join(traceback.format_exception_only(error)):.8000}")
        say(f"FAILED {self.failures[-1]}")
        self.save()

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        kept = {"sizes": asdict(self.sizes), "systems": self.systems, "failures": self.failures}
        return {**self._session, **kept}

    def save(self) -> None:
        """Write the file, whole."""
        if self.out is None:
            return
        self.out.parent.mkdir(parents=True, exist_ok=True)
        partial = self.out.with_name(f".{self.out.name}.partial")
        partial.write_text(json.dumps(self.as_json(), indent=2) + "\n")
        partial.replace(self.out)
