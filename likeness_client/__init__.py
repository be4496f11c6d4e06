"""Pictures from a personal model, in a line of Python or on the command line.

    from likeness_client import Likeness
    answer = Likeness("likeness-endpoint").generate("<target model>", "a photo of sks person")
    answer.pictures[0].save("me.png")

The target model and its trigger word stand in the notice that ended the training. It speaks to AWS,
or to the laptop when AWS_ENDPOINT_URL names it. Needs boto3 and pydantic, no image library.
"""

from likeness_client.answer import Answer, Picture
from likeness_client.client import Likeness
from likeness_client.errors import GenerationError
from likeness_client.store import NotStoredError

__all__ = ["Answer", "GenerationError", "Likeness", "NotStoredError", "Picture"]
