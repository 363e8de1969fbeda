"""The manifest of examples/serve against Kubernetes' schemas, and its command, which nn-serve takes.

serve_kubernetes.py BIN_FOLDER EXAMPLES; exit 77 without kubernetes-validate."""

import os
import subprocess
import sys

try:
    import kubernetes_validate
    import yaml
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

tools, examples = sys.argv[1:]
documents = list(yaml.safe_load_all(open(os.path.join(examples, "serve/kubernetes.yaml"))))
for document in documents:
    for version in ("1.33", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(document, version, strict=True)
deployment, service, budget = documents
pod = deployment["spec"]["template"]["spec"]
(container,) = pod["containers"]
assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
labels = deployment["spec"]["template"]["metadata"]["labels"]
for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"],
                 budget["spec"]["selector"]["matchLabels"]):
    assert selector == labels, selector
# Options are right, and what they name isn't here: the first file that is missing is told of, with no other fault.
command = container["command"]
command[0] = os.path.join(tools, command[0])
checked = subprocess.run(command + ["--check"], capture_output=True, text=True)
assert checked.returncode == 2 and checked.stderr == "nn-serve: /etc/nn/tokens: No such file or directory\n", checked
