"""The training job as a process: its machine, its workers, its time and its results."""
