"""``likeness base``: describe a base model, check it, copy it to S3, measure the gate's floors.

add         the command that does all of it for a folder or a single file
check       which files are missing or changed, and what they are needed for
calibrate   the gate's floors, from trainings on photos that the operator gives
folder      a diffusers folder: its parts, its files
checkpoint  a single file of the original layout: its family and what it lacks
configs     diffusers' configs of a single file, from the shapes of its tensors
vocabulary  CLIP's tokenizer, from the file that open_clip ships
card        base.json
mirror      copying a base to S3; what is there by hash is not sent again
convert     (torch) diffusers' conversion of a single file
draw        (torch) one picture, and what the UNet predicts

Only convert and draw need torch and diffusers: ``pip install 'likeness[bases]'``.
"""
