"""The selectors: what can be borrowed for the target images; auto stands for one of nearest, all and none."""

SELECTORS = ("auto", "nearest", "random", "all", "class_importance", "none")
TABLE_SELECTORS = ("nearest", "random")
"""Those that need a neighbor table."""
