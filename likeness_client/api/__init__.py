"""The HTTP API's client: sync and async, with every operation of docs/openapi.json.

errors.py        what can go wrong, each with code, title and what to do
retries.py       what is tried again, and after how many seconds
requests.py      address, key, bodies and answers: what both clients share
folder.py        what of a folder is uploaded, as which type
webhooks.py      is a delivery from the stack?
_async/          the clients' source; docs/clients.py writes _sync/ from it
command.py       `likeness upload`, `pictures`, `files`, and `status` and `cancel` without AWS
"""
