"""A probe: its subject, its cells, what comes of them, and starting weights ranked."""
