"""Seeds that failed once: each runs for ever after, beside the new ones."""

FIXED: tuple[int, ...] = ()
