"""The training job: from photos to the files of a LoRA adapter.

job          loads the base once for the tasks of a plan, and says how the job ended

tasks/       one task: training an adapter, importing one, or describing photos
process/     the job as a process: log, results, workers, time limit, watchdog, memory
config/      the recipe of a training, and the arithmetic of noise and loss weights
model/       the base, its architecture, LoRA layers, sampling
faces/       face detectors
photos/      the photo pipeline: face, mask, background, crop, caption
examples/    what a step learns from: class images, buckets of sizes, batches
optimisation/  the training loops, the optimizer step, checkpoints, metrics
evaluation/  the gate, the judges, validation images, the contact sheet
export/      the files of an adapter, for every tool that loads one
"""
