"""The documents that cross borders, one file for each."""
