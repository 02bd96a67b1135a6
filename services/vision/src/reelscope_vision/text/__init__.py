"""Text on the picture: lines that stay, change and go, and what they are."""
