"""The socket between Triton's model and the engine."""

from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Thread

from serving.forwarding import short_name


def test_a_socket_may_lie_in_a_folder_of_any_length(tmp_path: Path) -> None:
    address = tmp_path / ("a" * 120) / ("b" * 120) / "engine.sock"
    address.parent.mkdir(parents=True)
    received: list[str] = []
    with short_name(address) as name, Listener(name, family="AF_UNIX") as listener:

        def answer() -> None:
            with listener.accept() as connection:
                received.append(connection.recv())

        thread = Thread(target=answer)
        thread.start()
        with short_name(address) as other, Client(other, family="AF_UNIX") as connection:
            connection.send("hello")
        thread.join()
        assert address.is_socket()
    assert received == ["hello"]
