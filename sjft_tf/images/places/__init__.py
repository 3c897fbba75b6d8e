"""Specs, paths and files: where images lie and whether they changed."""
