"""Step Functions as AWS documents it, in place of stock's lenient interpreter.

api.py           the API: StartExecution, StopExecution, RedriveExecution, SendTask*
definition.py    errors in a definition that CreateStateMachine refuses
grammar.py       fields and values of the Amazon States Language
execution.py     one execution from start to its last event; redrive
run.py           history, stop and time limit of one sequence of states
interpreter.py   runs state after state: Pass, Wait, Choice, Succeed, Fail
task.py          Task: one call, its time-outs and its token
nested.py        a Task that waits for another execution
map_parallel.py  Parallel and Map
attempts.py      Retry and Catch
failures.py      exceptions that end a run
input_output.py  input and output of a state: result, variables, size
paths.py         JSONPath that fails when it finds nothing
tokens.py        task tokens
roles.py         calls that the state machine's role allows
status.py        status events and metrics

Expressions (JSONata, intrinsic functions, comparison operators) and service calls are stock's.
"""
