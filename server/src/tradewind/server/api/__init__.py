"""The API server: the Task Execution Interface, worker sessions and the public API."""
