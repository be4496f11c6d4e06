"""Uploads through the deployed stack while one thing goes wrong: `make faults`.

calls.py      a call that one of the functions makes to AWS: whose, which, the how manieth
injector.py   stands before the embedded AWS and lets a call go wrong
stories.py    an upload that ends well and one that is refused, and what must be true afterwards
processes.py  finds functions, trainers and tritonservers among the machine's processes
monkey.py     processes killed at random while many uploads are under way
kept.py       what was tried before, so that a second run goes on
"""
