"""The tasks of a training job: each makes one user's adapter, or describes one user's photos.

running      runs the tasks of a host: alone, or several users in one step
training     trains one adapter: photos, examples, steps, files, gate
importing    makes an adapter of another tool's LoRA, without a training
captioning   describes photos, without a base
gathering    the examples that a training learns from
judging      the gate's verdict on an adapter
shared       what the tasks of one job share
"""
