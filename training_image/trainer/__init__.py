"""From photos to an adapter, in the order in which it happens.

job      reads a plan, opens the base once and runs task after task;  machine: its share of them
task     one user, from photos to files that passed the gate
plan     what a request and a base mean together: steps, rates, sizes
base     the base model: checked against its hash, then loaded; families: what SD 1, 2 and XL do
         differently
darkroom what happens to each photo, and its verdict;  faces, crop, background, masks, captions:
         its tools
photos   squares and their latents;  prior: class images, made once for everybody;  ownclass: the
         user's own
lora     the adapter inside the networks;  loss: noise, targets, weights
loop     the steps;  together: the same for K users in one forward pass
checkpoint  what a later attempt needs to go on;  interrupt: why there may be one
sampling pictures from fixed seeds;  gate and judge: is it the subject, and is
         the class unharmed;  face_judge: the judge for real photos;  sheet: what the gate saw
export   the files of an adapter;  outcome: result.json, failures, metrics lines
memory   what is not needed for now goes back to the system
forecast what it will take, said before;  meter: lines, progress, event files on the way
samples  pictures on the way;  watchdog: says when nothing gets done
convert  a file of one form into the other;  draw_class_images  a set for a base, ahead of time
card     the adapter's README.md;  metadata: what kohya's file says of itself
"""
