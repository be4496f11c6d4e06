"""Generated bad and odd uploads, each with the code that intake must answer.

photos           files that claim to be photos
requests         requests, keys and archives
random_requests  random requests
profiles         colour profiles
"""
