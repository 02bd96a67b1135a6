"""What a body tells without words, rule by rule."""
