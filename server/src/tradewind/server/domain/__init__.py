"""The rules of the product as pure functions and values: no clock, no I/O, no log; `now` is an argument."""
