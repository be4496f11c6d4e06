"""The words of the Amazon States Language, as tables."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MACHINE = _words("Comment StartAt States TimeoutSeconds Version QueryLanguage")
COMMON = _words("Type Comment QueryLanguage Next End InputPath OutputPath Output Assign")
INNER = _words("Branches ItemProcessor Iterator")
ENDS_ITSELF = _words("Choice Succeed Fail")
NEEDED = {"Task": "Resource", "Choice": "Choices", "Parallel": "Branches"}

FIELDS = {
    "Pass": _words("Result ResultPath Parameters"),
    "Task": _words(
        "Resource Parameters Arguments ResultSelector ResultPath Retry Catch Credentials"
        " TimeoutSeconds TimeoutSecondsPath HeartbeatSeconds HeartbeatSecondsPath"
    ),
    "Choice": _words("Choices Default"),
    "Wait": _words("Seconds SecondsPath Timestamp TimestampPath"),
    "Succeed": _words(""),
    "Fail": _words("Error ErrorPath Cause CausePath"),
    "Parallel": _words("Branches Parameters Arguments ResultSelector ResultPath Retry Catch"),
    "Map": _words(
        "ItemProcessor Iterator ItemsPath Items ItemSelector Parameters ItemReader ItemBatcher"
        " ResultWriter MaxConcurrency MaxConcurrencyPath ToleratedFailurePercentage"
        " ToleratedFailurePercentagePath ToleratedFailureCount ToleratedFailureCountPath Label"
        " ResultSelector ResultPath Retry Catch"
    ),
}

# Fields of one query language, refused in the other.
ONLY = {
    "JSONPath": _words(
        "InputPath OutputPath Parameters ResultSelector ResultPath Result ItemsPath SecondsPath"
        " TimestampPath ErrorPath CausePath TimeoutSecondsPath HeartbeatSecondsPath"
        " MaxConcurrencyPath ToleratedFailurePercentagePath ToleratedFailureCountPath"
    ),
    "JSONata": _words("Arguments Output Items"),
}

PATHS = _words("InputPath OutputPath ResultPath ItemsPath Variable SecondsPath TimestampPath")

RULE_FIELDS = {
    "Retry": _words(
        "ErrorEquals IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds JitterStrategy Comment"
    ),
    "Catch": _words("ErrorEquals Next ResultPath Output Assign Comment"),
}

RANGES = {
    "MaxAttempts": (0, 99_999_999),
    "IntervalSeconds": (1, 99_999_999),
    "BackoffRate": (1, 99_999_999),
    "MaxDelaySeconds": (1, 31_622_400),
}

INTRINSICS = _words(
    "Format StringToJson JsonToString Array ArrayPartition ArrayContains ArrayRange ArrayGetItem"
    " ArrayLength ArrayUnique Base64Encode Base64Decode Hash JsonMerge MathRandom MathAdd"
    " StringSplit UUID"
)

# Calls of a known service that nothing here answers.
NO_CALL = ("aws-sdk:lambda:invoke",)
