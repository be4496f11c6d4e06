"""Host and Origin: a web page, or a name that was made to point here, is refused.

A browser sends a page's requests to any address. It tells the page's own address in Origin, and in
Host the name by which the page found us. A page can name us by its own domain once that domain
resolves to 127.0.0.1 (DNS rebinding), and would then read our answers.
"""

from local.cloud.access.request import RefusedError, Request

NAMES = ("127.0.0.1", "localhost", "[::1]")
"""Boto3, the AWS CLI and sam send the first; CloudFormation's ResponseURL has the second."""


def check(request: Request, port: int, *, any_page: bool = False) -> None:
    """Pass a request whose Host, and Origin if it has one, are this server's own address.

    Args:
        request: what was sent.
        port: where this server listens.
        any_page: pass every Origin; the HTTP API that is asked decides about pages itself.

    Raises:
        RefusedError: it comes from a web page, or was sent to another name.
    """
    hosts = [f"{name}:{port}" for name in NAMES]
    if request.header("host") not in hosts:
        message = (
            "The request's Host header is not the address of this embedded AWS, so it may come"
            f" from a web page. Use http://{hosts[0]} as the endpoint."
        )
        raise RefusedError("AccessDenied", message)
    if any_page:
        return
    if request.header("origin") not in {None, *(f"http://{host}" for host in hosts)}:
        message = "The request comes from a web page. The embedded AWS answers no web page."
        raise RefusedError("AccessDenied", message)
    if request.method == "OPTIONS":
        message = "The embedded AWS allows no cross-origin request."
        raise RefusedError("AccessDenied", message)
