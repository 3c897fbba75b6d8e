"""How a wide or tall image becomes a square."""

SQUASH = "squash"
ASPECT_RATIOS = (SQUASH, "crop", "pad")
"""Squash an image later, crop its centered largest square, or pad it to a square."""
