"""What the programs in scripts/ call, and the front door for Python."""
