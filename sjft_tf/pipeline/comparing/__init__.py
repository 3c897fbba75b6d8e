"""A comparison of arms: a study that chooses the settings of each arm by trials first."""
