"""Speech service: what is said, by whom and how."""
