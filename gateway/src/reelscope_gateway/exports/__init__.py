"""Other forms of a document: what players and editors read."""
