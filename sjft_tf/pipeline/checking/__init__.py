"""What is judged before anything is written, and what a refusal leaves alone."""
