"""What ``likeness`` ends with; scripts may rely on it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The process's exit status."""

    DONE = 0
    """The command did what it was asked; a job has succeeded or goes on."""

    REFUSED = 1
    """The answer is no: a failed, canceled or refused job, photos that would be refused,
    a picture that was not drawn, messages that stay in the queue, an error that ``doctor``
    found, a picture without a mark of the stack."""

    NOT_FOUND = 2
    """The command cannot be carried out as it was given: a missing option, file, job or table."""

    NO_AWS = 3
    """AWS or the API could not be asked: Region, credentials, permission or connection."""

    WARNED = 4
    """``doctor`` found nothing that stops the stack, but something that does not work as wanted."""

    INTERRUPTED = 130
    """Ctrl-C."""


EXPLAINED = """\
exit status:
  0  done; a job has succeeded or goes on
  1  the answer is no: the job failed, was canceled or was refused; photos would be refused;
     no picture was drawn; messages stay in the queue; doctor found an error;
     the picture has no mark of the stack
  2  the command cannot be carried out as given: an option, file, job, table or function is missing
  3  AWS or the API could not be asked: Region, credentials, permission or connection
  4  doctor found warnings, but no error

The API is found by --api or LIKENESS_API, and its key by LIKENESS_API_KEY.
AWS is found as by the AWS CLI: AWS_PROFILE, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL and so on.
"""
