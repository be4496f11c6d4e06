"""The embedded AWS: ministack in this process, with what it lacks for our workflow.

server.py         start and stop it: `serve()` in tests, `python -m local.cloud` by hand
plugin.py         what is changed in ministack, in which order; checks the exact version
access/           who may talk to it: whoever holds a key, and no web page
children.py       processes that must not outlive this one
lambdas.py        functions run in an interpreter that holds only boto3 and their zip
lambda_worker.py  the program inside that interpreter
sessions.py       acting as a role that a service was given
permissions.py    IAM decisions that stock gets wrong
events.py         EventBridge targets and tables from CloudFormation
streams.py        a stream's batch that keeps failing
untyped.py        names for values that no type can describe
states/           Step Functions as AWS documents it
"""
