"""The Indexed Job that nn-sweep(1) shows, against Kubernetes' schemas; and its command, which nn-sweep takes.

kubernetes.py BIN_FOLDER PAGE; exit 77 without kubernetes-validate."""

import os
import re
import subprocess
import sys

try:
    import kubernetes_validate
    import yaml
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

tools, page = sys.argv[1:]
text = re.search(r"^\.Bd -literal\n(apiVersion:.*?)^\.Ed", open(page).read(), re.M | re.S).group(1)
job = yaml.safe_load(text.replace("\\e", "\\"))
for version in ("1.33", kubernetes_validate.latest_version()):
    kubernetes_validate.validate(job, version, strict=True)
spec = job["spec"]["template"]["spec"]
(container,) = spec["containers"]
assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in spec["volumes"]}
assert container["workingDir"] in [m["mountPath"] for m in container["volumeMounts"]]
command = container["command"]
command[0] = os.path.join(tools, command[0])
command.insert(2, "--dry-run")
shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
assert len(shown) == 3 and all(line.startswith("nn-train train.arrows") for line in shown), shown
