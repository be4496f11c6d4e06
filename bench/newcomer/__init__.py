"""How long a newcomer waits: environments and first demo, of two commits on this host.

runs        `make envs` and `make demo` of one clone: wall time, disk, the gate's figures
"""
