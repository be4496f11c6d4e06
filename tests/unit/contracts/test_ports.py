"""A port is free when a server can listen on it."""

import socket

from contracts.shared.ports import free_port, is_free


def test_a_port_is_taken_while_a_server_listens_on_it() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        taken = server.getsockname()[1]
        assert taken > 0
        assert not is_free(taken)
    assert is_free(taken)
