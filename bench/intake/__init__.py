"""Bad and odd uploads, all made by code: what intake must refuse, and with which word.

photos    files that claim to be photos
papers    requests, keys and archives
made      requests made by chance
"""
