"""Persons as skeletons: who is where, and what their bodies do."""
