"""Colour: perceptual space, palettes, and words for them."""
