"""From AudioSet scores to events and what they say of the place."""
