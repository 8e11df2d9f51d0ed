"""The client side of the Task Execution Interface: calls, and what carries them."""
