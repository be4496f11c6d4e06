"""The documents that callers send: every body of docs/openapi.json, and a consent."""

from contracts.documents.api.aliases import NewAlias, NewRating, Promotion
from contracts.documents.api.estimates import NewEstimate
from contracts.documents.api.exports import NewExport
from contracts.documents.api.keys import NewKey, Rotation
from contracts.documents.api.members import NewMember, NewRole
from contracts.documents.api.models import NewApproval
from contracts.documents.api.pictures import NewPicture, OpenAiImages
from contracts.documents.api.uploads import FileToUpload, MoreFiles, NewTraining, NewUpload
from contracts.documents.api.verification import PictureToVerify
from contracts.documents.api.webhooks import WebhookRequest
from contracts.documents.appeal import AppealRefusal, NewAppeal
from contracts.documents.takedown import NewTakedown, TakedownAcceptance, TakedownRefusal
from contracts.documents.upload.consent import Consent
from contracts.documents.upload.request import TrainingRequest

__all__ = [
    "AppealRefusal",
    "Consent",
    "FileToUpload",
    "MoreFiles",
    "NewAlias",
    "NewAppeal",
    "NewApproval",
    "NewEstimate",
    "NewExport",
    "NewKey",
    "NewMember",
    "NewPicture",
    "NewRating",
    "NewRole",
    "NewTakedown",
    "NewTraining",
    "NewUpload",
    "OpenAiImages",
    "PictureToVerify",
    "Promotion",
    "Rotation",
    "TakedownAcceptance",
    "TakedownRefusal",
    "TrainingRequest",
    "WebhookRequest",
]
