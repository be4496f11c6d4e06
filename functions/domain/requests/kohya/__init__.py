"""kohya's files: the TOML of its scripts, the JSON of its window, and the names of its folders."""
