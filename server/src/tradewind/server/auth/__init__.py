"""Who calls: credentials of people and workers, and the execution tokens of activities."""
