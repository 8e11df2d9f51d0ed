"""Generator and guard of the contract in `schemas/`: reads the dialect, writes Python and Go, holds what is frozen."""
