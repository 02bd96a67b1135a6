"""Measures of sound, in NumPy and SciPy, each fed in pieces."""
