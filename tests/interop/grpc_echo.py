"""grpc_echo.py PROGRAM: gRPC's own client, in Python, against our transport. PROGRAM is interop-grpc-echo."""
import subprocess
import sys
import threading

try:
    import grpc
except ImportError:
    print("skipped: grpcio is not there")
    sys.exit(77)

server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
port = int(server.stdout.readline())
options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)


def unary(path):
    return channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("no error")


try:
    echo = unary("/echo")
    for size in (0, 1, 5, 1000, 16384, 65536, 1 << 20, 20 << 20):
        text = b"e" * size
        assert echo(text, timeout=30) == text, size
    assert unary("/big")(b"30000000", timeout=30) == b"b" * 30_000_000
    for i in range(500):
        assert echo(str(i).encode()) == str(i).encode()
    calls = [echo.future(b"f%d" % i) for i in range(1000)]
    assert [call.result(30) for call in calls] == [b"f%d" % i for i in range(1000)]

    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        for size in (0, 10, 1 << 20):
            assert echo(b"z" * size, compression=compression) == b"z" * size

    _, call = echo.with_call(b"", timeout=5)
    assert ("x-deadline", "yes") in [tuple(pair) for pair in call.initial_metadata()]
    _, call = echo.with_call(b"")
    assert ("x-deadline", "no") in [tuple(pair) for pair in call.initial_metadata()]

    error = code_of(lambda: unary("/fail")(b""))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert error.details() == "100 % full: ü\n", error.details()
    assert ("grpc-retry-pushback-ms", "200") in [tuple(pair) for pair in error.trailing_metadata()]
    error = code_of(lambda: unary("/big")(b"x"))
    assert error.code() == grpc.StatusCode.INTERNAL, error
    error = code_of(lambda: unary("/echo")(b"m" * ((64 << 20) + 1)))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error

    error = code_of(lambda: unary("/slow")(b"", timeout=0.2))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    slow = unary("/slow").future(b"")
    assert echo(b"beside") == b"beside"
    slow.cancel()
    assert unary("/gone")(b"") == b"2"

    stream = channel.stream_stream("/stream", request_serializer=bytes, response_deserializer=bytes)
    assert list(stream(iter([]))) == []
    messages = [b"s%d" % i * (1 + i % 50) for i in range(2000)]
    assert list(stream(iter(messages), timeout=60)) == messages
    large = [bytes([i]) * 3_000_000 for i in range(10)]
    assert list(stream(iter(large), timeout=60)) == large
    more = threading.Event()

    def until_told():
        yield b"first"
        more.wait(30)

    call = stream(until_told())
    assert next(call) == b"first"
    call.cancel()
    more.set()
    assert echo(b"last") == b"last"
    print("ok")
finally:
    server.kill()
