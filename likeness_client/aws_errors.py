"""What to tell a person when AWS cannot be asked: one sentence, and what to do."""

from botocore import exceptions as boto
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

CONFIG = Config(connect_timeout=10, read_timeout=70, retries={"mode": "standard"})
"""For everything but drawing. A wrong address is told within a minute, not within five."""

_SIGN_IN = (
    "Sign in again (`aws sso login` or `aws configure`), or set AWS_PROFILE. On the laptop, take"
    " the exports that `make up` prints."
)
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
}
_UNKNOWN_KEY = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_FORBIDDEN = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
}
_MISSING = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}
_BUSY = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottlingException",
    "TooManyRequestsException",
}
_ACTIONS = {
    "GetItem": "dynamodb:GetItem",
    "Invoke": "lambda:InvokeFunction",
    "InvokeEndpoint": "sagemaker:InvokeEndpoint",
    "PutObject": "s3:PutObject",
    "ReceiveMessage": "sqs:ReceiveMessage",
    "ChangeMessageVisibility": "sqs:ChangeMessageVisibility",
    "DeleteMessage": "sqs:DeleteMessage",
}
"""IAM's names for what the client calls."""

_WHERE = {
    "GetItem": "table: name the stack's output JobsTableName by --table or LIKENESS_JOBS_TABLE",
    "Invoke": "function: name the stack's output (ModelStatusFunctionName for `models`,"
    " CancelFunctionName for `cancel`) by --function",
    "PutObject": "bucket: correct --store",
    "ReceiveMessage": "queue: name the stack's output DeadLetterQueueUrl",
}


_KINDS: tuple[tuple[tuple[type[BotoCoreError], ...], str], ...] = (
    (
        (NoRegionError,),
        "No AWS Region is set. Set AWS_DEFAULT_REGION, or AWS_PROFILE to a profile with one.",
    ),
    (
        (ProfileNotFound,),
        "{said} Correct AWS_PROFILE; `aws configure list-profiles` lists the profiles.",
    ),
    ((NoCredentialsError,), f"There are no AWS credentials. {_SIGN_IN}"),
    (
        (SSOError, TokenRetrievalError, CredentialRetrievalError),
        f"The AWS sign-in is not valid. {_SIGN_IN}",
    ),
    ((PartialCredentialsError,), f"{{said}} {_SIGN_IN}"),
    (
        (HTTPClientError, boto.ConnectionError),
        "{said} Check the network and AWS_ENDPOINT_URL. On the laptop: `make up`.",
    ),
    ((BotoCoreError,), "{said}"),
)
"""The first that fits counts; ``said`` is botocore's own sentence."""

_CODES: tuple[tuple[set[str], str], ...] = (
    (_EXPIRED, f"The AWS credentials have expired. {_SIGN_IN}"),
    (_UNKNOWN_KEY, f"AWS does not accept these credentials ({{code}}). {_SIGN_IN}"),
    (_FORBIDDEN, "AWS does not allow this ({code}). Ask for the permission {action}."),
    (_MISSING, "In this account and Region there is no such {what}."),
    (_BUSY, "AWS has too many requests just now ({code}). Try again in a minute."),
    (
        {"RequestTimeTooSkewed"},
        "This machine's clock is wrong, so AWS refuses its requests. Set the clock.",
    ),
)


def explain(error: BotoCoreError | ClientError) -> str:
    """Return one sentence about what is wrong, and what to do about it."""
    if isinstance(error, ClientError):
        return explain_answer(error)
    words = next(words for kinds, words in _KINDS if isinstance(error, kinds))
    return words.format(said=_sentence(error))


def explain_answer(error: ClientError) -> str:
    """Return one sentence about an answer of AWS's that is an error."""
    code, operation = error.response["Error"]["Code"], error.operation_name
    facts = {
        "code": code,
        "action": _ACTIONS.get(operation, operation),
        "what": _WHERE.get(operation, "resource: correct its name"),
    }
    for codes, words in _CODES:
        if code in codes:
            return words.format(**facts)
    return f"AWS answers {operation} with {code}: {error.response['Error'].get('Message', '')}"


def is_about_access(error: BaseException | None) -> bool:
    """Tell whether AWS could not be asked, from an answer that was no."""
    if not isinstance(error, ClientError):
        return isinstance(error, BotoCoreError)
    return error.response["Error"]["Code"] in {*_EXPIRED, *_UNKNOWN_KEY, *_FORBIDDEN, *_BUSY}


def is_forbidden(error: ClientError) -> bool:
    """Tell whether a permission is missing."""
    return error.response["Error"]["Code"] in {*_FORBIDDEN, "403", "Forbidden"}


def is_missing(error: ClientError) -> bool:
    """Tell whether the table, function, queue or bucket that was named is not there."""
    return error.response["Error"]["Code"] in _MISSING


def _sentence(error: BotoCoreError) -> str:
    """Return botocore's own words as one line that ends in a full stop."""
    return " ".join(str(error).split()).rstrip(".") + "."
