"""nn-serve's metrics by promtool and by a Prometheus that scrapes them: prometheus.py BIN_FOLDER EXAMPLES"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, EXAMPLES = (os.path.abspath(path) for path in sys.argv[1:3])
for program in ("promtool", "prometheus"):
    if shutil.which(program) is None:
        servers.skip(f"needs {program} (Debian: prometheus)")
CONFIGURATION = """
global: {{ scrape_interval: 200ms }}
scrape_configs: [ {{ job_name: nn-serve, static_configs: [ {{ targets: ["127.0.0.1:{port}"] }} ] }} ]
"""


def get(url, body=None, headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=10) as answer:
        return answer.headers, answer.read().decode()


def ask(port, expression):
    query = urllib.parse.urlencode({"query": expression})
    result = json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?{query}")[1])["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def main():
    folder = tempfile.mkdtemp()
    models = Models(BIN, EXAMPLES, folder)
    with servers.nn_serve(BIN, "--repository", models.repository, "--device", "cpu:0") as server:
        url = f"http://127.0.0.1:{server.port}"
        body = json.dumps({"instances": [list(models.rows("digits", 1)[0].values())]}).encode()
        for _ in range(25):
            get(f"{url}/v1/models/digits:predict", body)
        headers, text = get(f"{url}/metrics")
        assert headers["content-type"].startswith("text/plain; version=0.0.4"), headers["content-type"]
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert checked.returncode == 0 and not checked.stderr and not checked.stdout, checked.stderr + checked.stdout
        headers, open_text = get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        if headers["content-type"].startswith("application/openmetrics-text"):
            assert open_text.endswith("# EOF\n"), open_text[-80:]
        assert get(f"{url}/monitoring/prometheus/metrics")[1].startswith("# HELP")

        with open(os.path.join(folder, "prometheus.yml"), "w") as file:
            file.write(CONFIGURATION.format(port=server.port))
        port = servers.free_port()
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                   f"--web.listen-address=127.0.0.1:{port}"]
        with servers.Server("prometheus", command, [port], "/-/ready"):
            until(lambda: ask(port, "up{job='nn-serve'}") == 1, "a scrape succeeds")
            until(lambda: ask(port, "sum(nn_serve_requests_total{model='digits'})") == 25, "requests are counted")
            assert ask(port, "sum(nn_serve_request_duration_seconds_count{model='digits'})") == 25
            quantile = "histogram_quantile(0.99, sum by (le) (nn_serve_request_duration_seconds_bucket{model='digits'}))"
            assert 0 < ask(port, quantile) < 1
            assert ask(port, "nn_serve_build_info") == 1
            assert ask(port, "process_resident_memory_bytes{job='nn-serve'}") > 1e6
    print("ok")


main()
