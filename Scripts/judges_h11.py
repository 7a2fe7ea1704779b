"""Speaks to a server through h11, which refuses whatever breaks HTTP/1.1's grammar or order.

Usage: python judges_h11.py PORT; ends with 1 where an answer is not what was expected.
"""

import socket
import sys

import h11

CASES = [
    # method, target, fields, body, expected status
    ("GET", "/", [], b"", 200), ("HEAD", "/file", [], b"", 200), ("GET", "/file", [], b"", 200),
    ("GET", "/file", [("Range", "bytes=0-9")], b"", 206), ("GET", "/file", [("Range", "bytes=9999-")], b"", 416),
    ("POST", "/", [], b"hello", 200), ("POST", "/", [("Transfer-Encoding", "chunked")], b"chunked " * 9000, 200),
    ("POST", "/", [("Expect", "100-continue")], b"waited for", 200), ("DELETE", "/", [], b"", 405),
    ("OPTIONS", "/", [], b"", 204), ("GET", "/none", [], b"", 404), ("TRACE", "/", [], b"", 405),
    ("GET", "/echo", [("X-Long", "y" * 4000)], b"", 200), ("GET", "/%2e%2e/x", [], b"", 400),
    ("GET", "/", [("Connection", "close")], b"", 200),
]


def ask(client, connection, case):
    """Sends one request and reads its answer to the end."""
    method, target, fields, body, _ = case
    fields = [("Host", "localhost"), *fields]
    chunked = any(name == "Transfer-Encoding" for name, _ in fields)
    if body and not chunked:
        fields.append(("Content-Length", str(len(body))))
    client.sendall(connection.send(h11.Request(method=method, target=target, headers=fields)))
    waits, sent, received, status = any(n == "Expect" for n, _ in fields), False, b"", 0
    while True:
        if not sent and not waits:
            if body:
                client.sendall(connection.send(h11.Data(data=body)))
            client.sendall(connection.send(h11.EndOfMessage()))
            sent = True
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(client.recv(65536))
        elif isinstance(event, h11.InformationalResponse):
            waits = False
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            received += event.data
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return status, received


def main():
    client, connection = socket.create_connection(("127.0.0.1", int(sys.argv[1]))), h11.Connection(h11.CLIENT)
    failures = 0
    for case in CASES:
        status, received = ask(client, connection, case)
        ok = status == case[4] and (case[1] != "/" or not case[3] or received == case[3])
        failures += not ok
        if not ok:
            print(f"h11: {case[0]} {case[1]}: {status}, expected {case[4]}")
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()
        else:
            client.close()
            client, connection = socket.create_connection(("127.0.0.1", int(sys.argv[1]))), h11.Connection(h11.CLIENT)
    print(f"h11: {len(CASES) - failures} of {len(CASES)} answers as expected, no protocol error")
    return 1 if failures else 0


sys.exit(main())
