"""Audio service: what is heard beside words."""
