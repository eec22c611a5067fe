"""The place that the server listens at hands its settings on to each connection."""

import socket

from app.server.run import SEND_BUFFER, listen


def test_the_system_takes_little_of_a_large_answer_before_the_client_does() -> None:
    with listen("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER
