"""A comparison of arms: its runs, the processes they are done in, and what these do."""
