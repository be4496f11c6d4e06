"""The limits of a child process that reads a stranger's file."""

import resource

STARTED = b"\n"
"""A child's first line; it is empty, and the child writes it before it reads the file."""


def limit_process(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit this process's memory and processor seconds; forbid it to write files."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def grant_seconds(seconds: int) -> None:
    """Let this process use ``seconds`` more processor seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (min(hard, used + 1 + seconds), hard))
