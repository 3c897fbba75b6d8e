"""The kinds of image sets, a file each: how each is opened."""
