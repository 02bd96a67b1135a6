"""Temporal service: what happens."""
