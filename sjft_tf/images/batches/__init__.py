"""Which images come in which batch of a training, and how they are joined."""
