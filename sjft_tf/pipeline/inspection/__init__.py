"""A closer look at single target images and their neighbors, for programs/retrieve.py."""
