"""Vision service: what is seen."""
