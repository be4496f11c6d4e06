"""The documents that programs exchange, one file for each subject."""
