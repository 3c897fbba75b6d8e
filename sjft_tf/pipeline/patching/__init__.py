"""Learning patch by patch: what scripts/patches.py is made of."""
