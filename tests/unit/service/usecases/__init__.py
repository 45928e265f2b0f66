"""The use cases, on the store in memory and with a clock that tests move."""
