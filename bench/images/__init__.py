"""Builds both images on stand-in bases and runs them as SageMaker does: `make images-test`.

scratch    the folder with every layer, and what the machine's pip and apt are configured with
bases      Debian with Python 3.11 and CPU PyTorch, in place of AWS's images
container  a program inside an image's files: chroot, the image's environment and user
training   /opt/ml, `train`, SIGTERM, a second start, a failure
serving    /opt/ml/models, `serve`, /ping, load, invoke, unload, SIGTERM
contents   the bill of materials, the licences, the hashes
"""
