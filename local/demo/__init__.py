"""`make demo`: ten drawn photos go into S3, a picture from a personal model comes out.

upload    the sample photos, and putting them as a client would
watch     what the workflow and the training say while they run
picture   asking the model, and the contact sheet
"""
