"""Effects: what editors do to pictures, told from what was measured on them."""
