"""From a file's bytes to pixels, in Python and in a graph alike."""
