#!/usr/bin/env python3
"""Opens connections that end badly, and looks whether the server loses a descriptor or memory.

Usage: python3 Scripts/connections.py HTTP-ECHO [COUNT]; ends with 1 where something was lost. The kinds, in turn: a
reset inside a head, a half-close after a request, an upload given up midway, a silent close, a reset under a large
answer, and an honest request.
"""

import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

RESET = struct.pack("ii", 1, 0)
GET = b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n"


def provoke(port, kind):
    """One connection, which always ends with a reset so that no port stays taken."""
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.settimeout(10)
    if kind == 0:
        client.send(GET[:20])
    elif kind == 1:
        client.send(GET)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    elif kind == 2:
        client.send(b"PUT /disk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + bytes(5000))
    elif kind == 4:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n" + bytes(60000))
    elif kind == 5:
        client.send(GET)
        if not client.recv(65536).startswith(b"HTTP/1.1 200"):
            sys.exit("An honest request was not answered.")
    client.close()


def state(process):
    """Open descriptors and resident KiB."""
    status = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{process}/fd")), resident


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    server = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().split()[-1])
        for number in range(count // 10):
            provoke(port, number % 6)
        time.sleep(1)
        before = state(server.pid)
        for number in range(count - count // 10):
            provoke(port, number % 6)
        time.sleep(2)
        after = state(server.pid)
    finally:
        server.kill()
    print(f"{count:,} connections: {before[0]} descriptors and {before[1]:,} KiB after the first tenth, "
          f"{after[0]} and {after[1]:,} KiB at the end")
    # What an allocator keeps may move by a little; a leak of 100 bytes a connection would be nine times as much.
    return 1 if after[0] > before[0] or after[1] > before[1] + 1024 else 0


sys.exit(main())
