"""A Cognito user pool in memory, as far as a browser asks it: its JSON, its errors, its texts.

Source of the texts: Amazon Cognito's API reference and developer guide, November 2026.
"""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CODE, NEXT_CODE, SECRET = "246810", "135790", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FIRST, OWN = "First-password-1", "Own-password-22"
MAX_TRIES = 5


class PoolError(Exception):
    """An error of the pool, with the name and the text that it has on AWS."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


WRONG = PoolError("NotAuthorizedException", "Incorrect username or password.")
MISMATCH = PoolError(
    "CodeMismatchException", "Invalid verification code provided, please try again."
)


@dataclass
class MemoryUserPool:
    """One person. ``digits`` is what the authenticator app shows, None while there is no app."""

    token: str
    email: str = "ada@example.org"
    password: str = OWN
    first: bool = False
    """Whether the password is that of an invitation."""
    digits: str | None = None
    used: set[str] = field(default_factory=set)
    code: str | None = None
    """The code that was sent last; None: none was."""
    tries: int = 0
    faults: list[PoolError] = field(default_factory=list)
    """Errors with which the next calls are answered."""
    asked: list[str] = field(default_factory=list)

    def answer(self, action: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Return status and body of a call."""
        self.asked.append(action)
        try:
            if self.faults:
                raise self.faults.pop(0)
            known: Callable[[dict[str, Any]], object] = getattr(self, f"_{action}")
            return 200, json.dumps(known(body)).encode()
        except PoolError as error:
            return 400, json.dumps({"__type": error.kind, "message": error.text}).encode()

    def _InitiateAuth(self, body: dict[str, Any]) -> object:  # noqa: N802 - Cognito's names
        given = body["AuthParameters"]
        if body["AuthFlow"] == "REFRESH_TOKEN_AUTH":
            return self._result()
        if self.tries >= MAX_TRIES:
            raise PoolError("NotAuthorizedException", "Password attempts exceeded")
        if (given["USERNAME"], given["PASSWORD"]) != (self.email, self.password):
            self.tries += 1
            raise WRONG
        self.tries = 0
        if self.first:
            return _challenge("NEW_PASSWORD_REQUIRED")
        return self._result() if self.digits is None else _challenge("SOFTWARE_TOKEN_MFA")

    def _RespondToAuthChallenge(self, body: dict[str, Any]) -> object:  # noqa: N802
        given = body["ChallengeResponses"]
        if body["ChallengeName"] == "NEW_PASSWORD_REQUIRED":
            self.password, self.first = self._strong(given["NEW_PASSWORD"]), False
        elif given["SOFTWARE_TOKEN_MFA_CODE"] in self.used:
            text = "Your software token has already been used once."
            raise PoolError("ExpiredCodeException", text)
        elif given["SOFTWARE_TOKEN_MFA_CODE"] != self.digits:
            raise PoolError("CodeMismatchException", "Invalid code received for user")
        else:
            self.used.add(given["SOFTWARE_TOKEN_MFA_CODE"])
        return self._result()

    def _ForgotPassword(self, _body: dict[str, Any]) -> object:  # noqa: N802
        self.code = CODE if self.code is None else NEXT_CODE
        return {"CodeDeliveryDetails": {"Destination": "a***@e***"}}

    def _ConfirmForgotPassword(self, body: dict[str, Any]) -> object:  # noqa: N802
        if self.tries >= MAX_TRIES:
            text = "Attempt limit exceeded, please try after some time."
            raise PoolError("LimitExceededException", text)
        if self.code is None:
            text = "Invalid code provided, please request a code again."
            raise PoolError("ExpiredCodeException", text)
        if body["ConfirmationCode"] != self.code:
            self.tries += 1
            raise MISMATCH
        self.password, self.code = self._strong(body["Password"]), None
        return {}

    def _GetUser(self, _body: dict[str, Any]) -> object:  # noqa: N802
        return {"UserMFASettingList": [] if self.digits is None else ["SOFTWARE_TOKEN_MFA"]}

    def _AssociateSoftwareToken(self, _body: dict[str, Any]) -> object:  # noqa: N802
        return {"SecretCode": SECRET}

    def _VerifySoftwareToken(self, body: dict[str, Any]) -> object:  # noqa: N802
        if body["UserCode"] != CODE:
            raise PoolError("EnableSoftwareTokenMFAException", "Code mismatch")
        return {"Status": "SUCCESS"}

    def _SetUserMFAPreference(self, body: dict[str, Any]) -> object:  # noqa: N802
        self.digits = CODE if body["SoftwareTokenMfaSettings"]["Enabled"] else None
        return {}

    def _RevokeToken(self, _body: dict[str, Any]) -> object:  # noqa: N802
        return {}

    def _strong(self, password: str) -> str:
        if len(password) < 12:
            text = "Password did not conform with policy: Password not long enough"
            raise PoolError("InvalidPasswordException", text)
        return password

    def _result(self) -> object:
        tokens = {"IdToken": self.token, "AccessToken": "access", "RefreshToken": "refresh"}
        return {"AuthenticationResult": {**tokens, "ExpiresIn": 900}}


def _challenge(name: str) -> object:
    return {"ChallengeName": name, "Session": "open", "ChallengeParameters": {}}
