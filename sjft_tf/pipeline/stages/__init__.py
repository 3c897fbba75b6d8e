"""The stages of a run: each finds its artifact in the workdir or makes it."""
