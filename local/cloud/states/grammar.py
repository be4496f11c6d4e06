"""Fields and values of the Amazon States Language."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MACHINE = _names("Comment StartAt States TimeoutSeconds Version QueryLanguage")
COMMON = _names("Type Comment QueryLanguage Next End InputPath OutputPath Output Assign")
INNER = _names("Branches ItemProcessor Iterator")
ENDS_ITSELF = _names("Choice Succeed Fail")
NEEDED = {"Task": "Resource", "Choice": "Choices", "Parallel": "Branches"}

FIELDS = {
    "Pass": _names("Result ResultPath Parameters"),
    "Task": _names(
        "Resource Parameters Arguments ResultSelector ResultPath Retry Catch Credentials"
        " TimeoutSeconds TimeoutSecondsPath HeartbeatSeconds HeartbeatSecondsPath"
    ),
    "Choice": _names("Choices Default"),
    "Wait": _names("Seconds SecondsPath Timestamp TimestampPath"),
    "Succeed": _names(""),
    "Fail": _names("Error ErrorPath Cause CausePath"),
    "Parallel": _names("Branches Parameters Arguments ResultSelector ResultPath Retry Catch"),
    "Map": _names(
        "ItemProcessor Iterator ItemsPath Items ItemSelector Parameters ItemReader ItemBatcher"
        " ResultWriter MaxConcurrency MaxConcurrencyPath ToleratedFailurePercentage"
        " ToleratedFailurePercentagePath ToleratedFailureCount ToleratedFailureCountPath Label"
        " ResultSelector ResultPath Retry Catch"
    ),
}

# Fields of one query language, which are refused in the other.
ONLY = {
    "JSONPath": _names(
        "InputPath OutputPath Parameters ResultSelector ResultPath Result ItemsPath SecondsPath"
        " TimestampPath ErrorPath CausePath TimeoutSecondsPath HeartbeatSecondsPath"
        " MaxConcurrencyPath ToleratedFailurePercentagePath ToleratedFailureCountPath"
    ),
    "JSONata": _names("Arguments Output Items"),
}

PATHS = _names("InputPath OutputPath ResultPath ItemsPath Variable SecondsPath TimestampPath")

RULE_FIELDS = {
    "Retry": _names(
        "ErrorEquals IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds JitterStrategy Comment"
    ),
    "Catch": _names("ErrorEquals Next ResultPath Output Assign Comment"),
}

RANGES = {
    "MaxAttempts": (0, 99_999_999),
    "IntervalSeconds": (1, 99_999_999),
    "BackoffRate": (1, 99_999_999),
    "MaxDelaySeconds": (1, 31_622_400),
}

INTRINSICS = _names(
    "Format StringToJson JsonToString Array ArrayPartition ArrayContains ArrayRange ArrayGetItem"
    " ArrayLength ArrayUnique Base64Encode Base64Decode Hash JsonMerge MathRandom MathAdd"
    " StringSplit UUID"
)

# Calls of a known service that the embedded AWS does not support.
NO_CALL = ("aws-sdk:lambda:invoke",)
