"""The same requests to nn-serve and to a Triton with the same model: http_differential.py BIN_FOLDER TRITON_FOLDER.

What may differ is said beside each request (http_probes.py), with its reason. An entry that isn't needed any more is an
error as well. Texts of errors are our own."""

import gzip
import http.client
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # beside the sources
import servers
from http_probes import PROBES

BIN, PEER = (os.path.abspath(path) for path in sys.argv[1:3])
# Of these answers Triton says that they are text/plain, though they are JSON or nothing.
JSON, BINARY, OTHER = "JSON", "binary", "something else"


def ask(port, probe):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = probe.headers | (servers.ADMIN if "/repository/models/" in probe.path else {})
    try:
        if probe.chunks is None:
            connection.request(probe.method, probe.path, probe.body, headers)
        else:
            connection.request(probe.method, probe.path, iter(probe.chunks), headers, encode_chunked=True)
        response = connection.getresponse()
        return response.status, dict((name.lower(), value) for name, value in response.getheaders()), response.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, {}, repr(error).encode()
    finally:
        connection.close()


def parsed(headers, body):
    """(class of its type, what it says)"""
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if "inference-header-content-length" in headers:
        length = int(headers["inference-header-content-length"])
        return BINARY, (json.loads(body[:length]), body[length:])
    try:
        return JSON, json.loads(body)
    except ValueError:
        return (JSON if not body else OTHER), body


def singles(said):
    """With each number that isn't whole as the float that it stands for: both write them with other digits."""
    if isinstance(said, float):
        return struct.pack("<f", said)
    if isinstance(said, dict):
        return {key: singles(value) for key, value in said.items()}
    return [singles(value) for value in said] if isinstance(said, (list, tuple)) else said


def complaints(probe, ours, theirs):
    """What is wrong with ours."""
    status, headers, body = ours
    their_status, their_headers, their_body = theirs
    kind, said = parsed(headers, body)
    their_kind, they_said = parsed(their_headers, their_body)
    wanted = probe.status or their_status
    if status != wanted:
        yield f"status {status}, not {wanted}"
    if probe.status is not None and probe.status == their_status and probe.same_body:
        yield "Triton answers so too: it is no difference"
    content_type = headers.get("content-type", "")
    if body and content_type != {JSON: "application/json", BINARY: "application/octet-stream"}.get(kind):
        yield f"content-type {content_type!r} of {kind}"
    if status >= 400 and probe.check is None:
        if probe.method != "HEAD" and (kind != JSON or not isinstance(said, dict) or not isinstance(said.get("error"), str)):
            yield "an error without {\"error\": …}"
        if status == 405 and "allow" not in headers:
            yield "405 without Allow"
        return
    if probe.same_body and (kind, singles(said)) != (their_kind, singles(they_said)):
        yield f"says {said!r}, not {they_said!r}"
    if probe.check is not None:
        try:
            if not probe.check(said):
                yield f"says {said!r}"
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            yield f"says {said!r}, where {error!r}"


def main():
    folder = tempfile.mkdtemp()
    model = os.path.join(folder, "double.nn")
    subprocess.run([os.path.join(BIN, "interop-serve-model"), model], check=True)
    ours_at = servers.repository(os.path.join(folder, "ours"), m=model)
    failed = 0
    with servers.triton(PEER, os.path.join(folder, "theirs")) as theirs, servers.nn_serve(
        BIN, "--repository", ours_at, "--device", "cpu:0", *servers.admin_options(folder)
    ) as ours:
        for probe in PROBES:
            answers = ask(ours.port, probe), ask(theirs.port, probe)
            for complaint in complaints(probe, *answers):
                failed += 1
                print(f"FAILED {probe.name} ({probe.method} {probe.path}): {complaint}")
                print(f"   asked  {(probe.body or b'')[:300]!r} {probe.headers or ''}")
                for who, answer in zip(("ours", "Triton"), answers):
                    print(f"   {who:6} {answer[0]} {answer[1].get('content-type')} {answer[2][:300]!r}")
    listed = sum(bool(probe.because) for probe in PROBES)
    print(f"{len(PROBES)} requests, {listed} of them with a difference that is listed; {failed} complaints")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
