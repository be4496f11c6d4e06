"""The embedded AWS: ministack in this process, changed where our workflow needs more.

"Stock" means ministack without these changes.

server.py          starts and stops the server: `serve()` in tests, `python -m local.cloud` by hand
plugin.py          installs the changes to ministack, and checks its exact version
access/            answers only requests that are signed with a key, and no web page
children.py        child processes that end with this process
lambdas/           functions start, run and end as on Lambda
sessions.py        credentials of assumed roles
permissions.py     IAM decisions that stock gets wrong
events.py          EventBridge targets, and tables from CloudFormation
budgets.py         budgets of a template
clock.py           what AWS does once a minute
lifecycle.py       lifecycle rules of buckets
monitoring/        metrics in logs, log filters, alarms
xray.py            X-Ray: one trace for each execution
streams.py         DynamoDB stream batches that keep failing
paths.py           files and folders under .local/
typing_aliases.py  type names for values without a type
states/            Step Functions as AWS documents it
"""
