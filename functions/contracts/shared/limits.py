"""Limits that more than one part of Likeness enforces, each written once."""

MIN_PHOTOS = 5
"""Smallest number of usable photos: with fewer, a training copies the photos."""

MAX_IMPORT_BYTES = 400 << 20
"""Largest LoRA file of an import: a function holds it in memory while it is checked."""

MAX_ADAPTER_BYTES = 500 << 20
"""Largest adapter that is published; Lambda's memory holds it three times."""

ADVISED_PHOTOS = 10
"""Number of usable photos below which the owner is advised to add some; 10 to 15 are good."""

MAX_PHOTOS = 100
"""Largest number of photos of the subject, and of pictures of its class, in one upload."""

MAX_SUBJECTS = 4
"""Largest number of subjects in one adapter. Each needs ``MIN_PHOTOS`` of the upload's photos, and
the gate draws 8 pictures of each and of its class, with and without the adapter."""

MIN_SIDE, MAX_SIDE, SIDE_STEP = 64, 2048, 8
"""Side in pixels at which training is possible; larger photos are scaled down to ``MAX_SIDE``."""

MAX_REPEATS = 1000
"""Largest number of times that a photo comes in an epoch; ``2024_summer`` is a year."""

MAX_TRAIN_STEPS = 20_000
"""Largest number of optimiser steps in one training, whatever the number of epochs."""

MAX_CLASS_IMAGES = 1000
"""Largest number of class images for one class prompt."""

MAX_TRIALS = 60
"""Largest number of trials in one sweep: three rounds of the 20 that are in the queue at once."""

MAX_TRAINED_CHARACTERS = 400
"""Largest length of a prompt or caption in training."""

MAX_SAMPLE_PROMPTS = 8
"""Largest number of a request's own prompts for the gate's pictures."""

MAX_COST_USD = 1000
"""Largest value of ``max_cost_usd``."""

MAX_RANK = 1024
"""Largest rank of an adapter; for SDXL that is 6 GB of weights and 24 GB in training."""

MAX_ALPHA = 1024
"""Largest alpha of an adapter: the default is the rank."""

MAX_LEARNING_RATE = 0.1
"""Largest learning rate of every optimiser except prodigy, which scales its own rate by it."""

MAX_PHOTO_SECONDS = 10
"""Largest number of processor seconds for decoding one photo or mask."""

MAX_UPLOAD_SECONDS = 300
"""Largest number of processor seconds for decoding all photos of an upload."""

MAX_FACE_SECONDS = 20
"""Largest number of processor seconds for finding and encoding the faces of one photo."""

MAX_FACES_SECONDS = 240
"""Processor seconds for the faces of an upload after which no further photo is looked at."""

MAX_CLASSIFIER_SECONDS = 20
"""Largest number of processor seconds for one picture in a classifier."""

MAX_CLASSIFYING_SECONDS = 600
"""Processor seconds of a classifier's process; after half of them an upload gets a new one."""

MAX_ARCHIVE_SECONDS = 20
"""Largest number of processor seconds for unpacking all archives of an upload."""

MAX_ARCHIVES = 10
"""Largest number of archives in one upload."""

MAX_SETTINGS = 20
"""Largest number of settings files in one upload."""

MIN_RUN_SECONDS = 300
"""Smallest runtime of a training job: the start and the export alone take some minutes."""

MAX_RUN_SECONDS = 5 * 24 * 3600
"""Largest runtime of a training job: SageMaker's default limit is five days."""

MAX_VOLUME_GB = 250
"""Largest storage volume of a training job, in GB. SageMaker refuses more than the local storage of
an instance that has some; ml.g6e.xlarge has the least."""

MAX_START_IMAGE_PIXELS = 25_000_000
"""Largest number of pixels of a picture request's start image; a camera of 24 megapixels fits.
Every user's picture waits while it is decoded. The largest picture has 2.4 million pixels."""

MAX_PROMPT_CHUNKS = 8
"""Largest number of chunks of 75 tokens in a picture's prompt; each makes every step longer."""

MAX_ZIMAGE_TOKENS = 512
"""Largest number of tokens in a prompt of ZImagePipeline, with the words of the chat around it;
diffusers cuts the rest off."""

MAX_PAYLOAD_BYTES = 6_291_456
"""Largest body of a request to a real-time endpoint and of its answer.

This is the limit in the API's model of the call. SageMaker's documents say 25 MB; what keeps the
smaller limit is sure to pass. Four pictures of 1024 pixels in PNG are about 8 MB in base64."""

MAX_INLINE_BYTES = 4_000_000
"""Largest pictures of one answer together, in base64, that are sent in it: larger ones are stored
in S3, and the answer has links."""
