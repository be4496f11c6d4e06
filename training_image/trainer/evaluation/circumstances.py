"""What the gate varies beside the subject: an adapter must follow more than one prompt."""

OF_PEOPLE = (
    "smiling, wearing a red jacket, in a park",
    "with a serious face, wearing a white shirt, in an office",
    "laughing, wearing a black coat, in a street at night",
    "looking to the side, wearing a blue sweater, at the beach",
)
"""Setting, clothing and expression."""

OF_OTHERS = ("in a garden", "on a beach", "in the snow", "in a street at night")
"""Settings, for subjects that are no people."""
