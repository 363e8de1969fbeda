"""As much of a client of HTTP/2 and gRPC as a test of their ends needs: it sees frames, which libraries hide."""
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def literal(text):
    assert len(text) < 127
    return bytes([len(text)]) + text.encode()


def grpc_message(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


class H2:
    """A connection that has greeted. Frames that came are in `frames`, as (type, flags, stream, payload)."""

    def __init__(self, port, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout, self.buffer, self.frames, self.closed, self.next = timeout, b"", [], False, 1
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(SETTINGS, 0, 0, b"")

    def send(self, kind, flags, stream, payload):
        self.socket.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def call(self, path, payload=None, end=True):
        """Begins a call of gRPC, with one message; its stream's number."""
        stream, self.next = self.next, self.next + 2
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "te": "trailers",
                  "content-type": "application/grpc"}
        self.send(HEADERS, END_HEADERS, stream, b"".join(b"\0" + literal(k) + literal(v) for k, v in fields.items()))
        if payload is not None:
            self.send(DATA, END_STREAM if end else 0, stream, grpc_message(payload))
        return stream

    def get(self, path):
        stream, self.next = self.next, self.next + 2
        fields = {":method": "GET", ":scheme": "http", ":path": path, ":authority": "x"}
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, b"".join(b"\0" + literal(k) + literal(v) for k, v in fields.items()))
        return stream

    def read(self):
        """One more frame; False at the end of the connection."""
        while True:
            if len(self.buffer) >= 9:
                size = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + size:
                    kind, flags = self.buffer[3], self.buffer[4]
                    stream = int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
                    payload, self.buffer = self.buffer[9 : 9 + size], self.buffer[9 + size :]
                    if kind in (SETTINGS, PING) and not flags & ACK:
                        try:
                            self.send(kind, ACK, 0, payload if kind == PING else b"")
                        except OSError:
                            pass
                    self.frames.append((kind, flags, stream, payload))
                    return True
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                self.closed = True
                return False
            self.buffer += more

    def until(self, holds, what):
        end = time.monotonic() + self.timeout
        while not (value := holds()):
            if time.monotonic() > end or not self.read():
                raise AssertionError(f"{what}; there were {self.frames[-8:]}")
        return value

    def messages(self, stream):
        """Of gRPC, that came whole."""
        data = b"".join(payload for kind, _, at, payload in self.frames if kind == DATA and at == stream)
        out = []
        while len(data) >= 5:
            size = int.from_bytes(data[1:5], "big")
            out.append(data[5 : 5 + size])
            data = data[5 + size :]
        return out

    def ended(self, stream):
        return any(at == stream and (kind == RST_STREAM or kind in (DATA, HEADERS) and flags & END_STREAM)
                   for kind, flags, at, _ in self.frames)

    def seen(self, kind):
        return any(frame[0] == kind for frame in self.frames)

    def close(self):
        self.socket.close()
