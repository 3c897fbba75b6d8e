"""The selectors: what can be borrowed for the target images."""

SELECTORS = ("nearest", "random", "all", "class_importance", "none")
TABLE_SELECTORS = ("nearest", "random")
"""Those that need a neighbor table."""
