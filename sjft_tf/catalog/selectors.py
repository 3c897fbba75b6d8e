"""The selectors: what can be borrowed for the target images; auto stands for one of nearest, all and none."""

SELECTORS = ("auto", "nearest", "random", "all", "class_importance", "uot", "gradients", "none")
TABLE_SELECTORS = ("nearest", "random")
"""Those that need a neighbor table."""
WEIGHT_SELECTORS = ("class_importance", "uot", "gradients")
"""Those that weigh the source's classes or images, of which follows one pool for all target images."""
