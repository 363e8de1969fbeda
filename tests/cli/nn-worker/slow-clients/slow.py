#!/usr/bin/env python3
"""slow.py SOCKET: sends the beginning of a message a byte at a time, until the worker has enough of it."""

import socket, sys, time

line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
line.settimeout(0.2)
begin = time.monotonic()
message = b"nnw1" + bytes([200, 0, 0, 0]) + bytes(216)
for byte in message:
    try:
        line.send(bytes([byte]))
        if line.recv(1) == b"":
            break
    except TimeoutError:
        continue
    except OSError:
        break
seconds = time.monotonic() - begin
print("disconnected in time" if 9 < seconds < 15 else f"disconnected after {seconds:.1f} s")
