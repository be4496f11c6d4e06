"""`make demo`: ten drawn photos go into S3, a picture from a personal model comes out.

upload        the sample photos, and putting them as a client would
own           somebody's own photos and base, and whether they fit
watch         what the workflow and the training say while they run
training_log  the training's own lines, and how far they say it is
display       a bar in a terminal, elsewhere a line now and then
patience      a long silence ends the demo, a long time does not
reasons       why a demo has ended badly
ending        what is stopped, saved and said then
kept          what was trained, from one demo to the next
verdict       what the gate measured
picture       asking the model, and the contact sheet
"""
