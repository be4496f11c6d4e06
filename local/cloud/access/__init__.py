"""Who may talk to the embedded AWS: whoever holds a key of it, and no web page.

guard.py       stands before ministack: refuses, or passes a request on
origins.py     Host and Origin: a web page, or a name that was made to point here, is refused
signatures.py  Signature Version 4, in the header and in the query
chunks.py      payloads that are signed chunk by chunk
request.py     a request as it arrived
root_key.py    the account's root key: random at each start, in a file of the user's alone
"""
