"""The scripts that trained the embedded base and its judge."""
