"""The documents that cross borders; used by Lambda, the training image and the serving image.

It lies in ``functions/`` because ``sam build`` cannot see outside its CodeUri, while both
Dockerfiles (context: the repository's root) can copy it. pydantic and typing only.
"""
