"""The image set itself: what is in it, how it is read, divided and seen."""
