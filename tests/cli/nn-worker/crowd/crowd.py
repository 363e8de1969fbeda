#!/usr/bin/env python3
"""crowd.py SOCKET N: connects N times, as many at once as there are descriptors for, and counts the replies."""

import resource, socket, sys

path, wanted = sys.argv[1], int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
at_once = min(wanted, hard - 64, 2000)

told = 0
for first in range(0, wanted, at_once):
    crowd = []
    for _ in range(min(at_once, wanted - first)):
        one = socket.socket(socket.AF_UNIX)
        one.connect(path)
        one.settimeout(30)
        crowd.append(one)
    for one in crowd:
        reply = b""
        try:
            while piece := one.recv(4096):
                reply += piece
        except ConnectionResetError:
            pass
        told += b"--max-connections" in reply
        one.close()
print(f"{told} of {wanted} were told")
