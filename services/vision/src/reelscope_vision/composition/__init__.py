"""How a picture is composed: its subject, the weight of its parts, and what an app would cover."""
