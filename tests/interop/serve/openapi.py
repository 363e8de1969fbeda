"""What we say of our HTTP interface, held against nn-serve by schemathesis: openapi.py BIN_FOLDER EXAMPLES OPENAPI_FILE [SEED]"""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, EXAMPLES, FILE = (os.path.abspath(path) for path in sys.argv[1:4])
SEED = sys.argv[4] if len(sys.argv) > 4 else "1"
try:
    import schemathesis  # noqa: F401
    import yaml
    from openapi_spec_validator import validate
except ImportError as error:
    servers.skip(error)
if not os.path.exists(FILE):
    servers.skip(f"no {os.path.basename(FILE)}")


def main():
    with open(FILE) as file:
        said = yaml.safe_load(file)
    validate(said)
    # What is asked is asked of models that are there, as far as paths say it: else all answers would be 404.
    folder = tempfile.mkdtemp()
    for name, values in (("Model", ["digits", "people", "length"]), ("Version", [0, 1])):
        said["components"]["parameters"][name]["schema"]["enum"] = values
    # An answer within a millisecond can't be had where the machine is busy, and 504 is what whoever asks for it is told.
    said["components"]["parameters"]["Timeout"]["schema"]["minimum"] = 600_000
    said["components"]["schemas"]["Infer"]["properties"]["parameters"]["properties"]["timeout"]["minimum"] = 600_000_000
    asked = os.path.join(folder, "openapi.yaml")
    with open(asked, "w") as file:
        yaml.safe_dump(said, file)
    models = Models(BIN, EXAMPLES, folder)
    with servers.nn_serve(BIN, "--repository", models.repository, "--device", "cpu:0") as server:
        command = [sys.executable, "-m", "schemathesis.cli", "run", asked, "--url", f"http://127.0.0.1:{server.port}"]
        command += ["--checks", "not_a_server_error,response_schema_conformance,content_type_conformance"]
        command += ["--max-examples", "8", "--seed", SEED, "--generation-database", "none", "--no-color"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        print(done.stdout[-6000:], done.stderr[-2000:])
        assert server.process.poll() is None, server.said()
        assert servers.status_of(server.port, "/v2/health/live") == 200
    return done.returncode


sys.exit(main())
