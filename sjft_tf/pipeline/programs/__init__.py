"""What the programs in scripts/ do, one file each, named alike."""
