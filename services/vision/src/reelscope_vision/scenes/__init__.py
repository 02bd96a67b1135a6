"""Scenes: what shots look like, and which of them belong together."""
