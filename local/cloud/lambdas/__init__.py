"""Functions on the laptop start, run and end as on Lambda.

installation.py   replaces ministack's way to run a function
calls.py          one call: a free environment, the answer, the log
environment.py    an execution environment: a process with its own /tmp and log stream
process.py        that process and its pipes
runtime.py        the program inside it
interpreter.py    the interpreter that runs the program; interpreter.c is its source
variables.py      the environment variables that Lambda sets
deployed_code.py  a function's unpacked code, read-only
layers.py         layers, unpacked once for all functions
invocation.py     one invocation, from its event to its outcome
watch.py          waits for an answer, within the function's time and memory
memory.py         the memory of a process and its descendants
outcome.py        an answer or an error, and Lambda's words about it
limits.py         sizes of requests and answers
logs.py           the lines that Lambda writes to CloudWatch Logs
worker_queue.py   a function's places, and how long a call waits for one
"""
