"""Beside the states, verify_picture: what the marks of a picture say; http_api asks while it waits.

In     PictureToVerify    a file of anybody, which is decoded in a limited child and not kept
Out    PictureVerified    what content credentials and watermark say
Fails  anything           http_api answers ``internal_error``; whoever asked may ask again
"""

from aws.api.mark_reader import SecretMarkReader
from contracts.documents.api.verification import PictureToVerify, PictureVerified
from domain.pictures.verifying import MAX_READ_SIDE, VerifyingServices, verify
from runtime.handlers import stage
from runtime.imaging.sandbox import ChildDecoder


@stage
def lambda_handler(given: PictureToVerify) -> PictureVerified:
    services = VerifyingServices(ChildDecoder(), SecretMarkReader.from_env(MAX_READ_SIDE))
    return PictureVerified(verdict=verify(given, services))
