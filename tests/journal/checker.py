"""Proves that what was recorded is a history which the rules allow. The product's own checks are not asked."""

from tests.journal.handouts import two_at_once, wrong_dispatches, wrong_owners, wrong_tries
from tests.journal.records import Journal
from tests.journal.samples import gone_back
from tests.journal.states import illegal_changes
from tests.journal.user_code import lost_acknowledgements, successes_without_user_code, wrong_executions
from tests.journal.waiting import ownerless


def faults(journal: Journal) -> list[str]:
    """Say what in a journal the rules do not allow; nothing is how it must be."""
    return [
        *illegal_changes(journal),
        *wrong_dispatches(journal),
        *two_at_once(journal),
        *wrong_owners(journal),
        *wrong_tries(journal),
        *wrong_executions(journal),
        *successes_without_user_code(journal),
        *lost_acknowledgements(journal),
        *gone_back(journal.samples),
        *ownerless(journal),
    ]
