"""The training job as a process: its log, results, workers, time limits and memory."""
