"""Changes the code on purpose, one line at a time, and counts how often a test notices."""
