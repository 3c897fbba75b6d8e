"""The programs of sjft_tf: absl flags in, package calls out. The only place FLAGS is read."""
