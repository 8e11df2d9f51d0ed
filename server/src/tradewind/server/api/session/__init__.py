"""Worker sessions: the WebSocket that a worker opens, for pushes to it and for its calls of operations."""
