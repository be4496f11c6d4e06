"""Documents and rules that Lambda, the training image and the serving image share.

The package is in ``functions/`` because ``sam build`` cannot see outside its CodeUri. Both
Dockerfiles copy it from there. It imports only pydantic and the standard library.
"""
