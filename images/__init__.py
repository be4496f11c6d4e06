"""Builds the training image and the serving image: `make images`, CodeBuild, GitHub.

Only the standard library is needed.

recipes    what each image is built from, and the tag of its content
engine     docker, podman or buildah, whichever works
registry   Amazon ECR through the `aws` command
lock       the requirement files with hashes
inventory  the bill of materials and the licences; it runs inside the images
"""
