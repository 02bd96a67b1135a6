"""Fluent and halting speech: what the words, the pauses and the drawn-out sounds say together."""
