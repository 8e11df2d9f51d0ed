"""Tradewind's control plane; it meets user code only through the task execution interface in `schemas/`."""
