"""Values of Python as JSON and back: what JSON has stays as it is, everything else is an object with a `__type__`."""

from tradewind.sdk.typed_values.class_names import ClassPatterns
from tradewind.sdk.typed_values.kinds import TYPE, Unreadable, Unwritable
from tradewind.sdk.typed_values.reading import read_value
from tradewind.sdk.typed_values.writing import check_json, write_value

__all__ = ["TYPE", "ClassPatterns", "Unreadable", "Unwritable", "check_json", "read_value", "write_value"]
