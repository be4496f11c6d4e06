"""Step Functions as AWS documents it, in place of stock's lenient interpreter.

api.py         what clients call: StartExecution, StopExecution, RedriveExecution, SendTask*
definition.py  what CreateStateMachine refuses
execution.py   one execution from start to its last event; redrive
run.py         what a walk through states carries: history, stop, time left
walk.py        state after state: Pass, Wait, Choice, Succeed, Fail
task.py        Task: one call, its time-outs and its token
nested.py      a Task that waits for another execution
fan.py         Parallel and Map
attempts.py    Retry and Catch
shape.py       what a state gives on: result, output, variables, size
paths.py       JSONPath that must find something
tokens.py      task tokens and who may still answer them
roles.py       what the state machine's own role may call
status.py      status events and metrics

Expressions (JSONata, intrinsic functions, comparison operators) and service calls stay stock's.
"""
