"""What --precision bf16 costs in accuracy, by nn-eval, on digits that the network has not seen."""

import json, subprocess

from report import Row, compare, share

WORK = "accuracy of predictions with --precision bf16"


def rows(bench, options):
    bench.say("precision")
    model = bench.file("digits.nn")
    bench.run(
        bench.tool("nn-train"),
        *bench.digits,
        "--rows",
        ":1437",
        "--layers",
        "64,32",
        "--standardize",
        "--epochs",
        "60",
        "--quiet",
        "-o",
        model
    )

    def accuracy(*arguments):
        predictions = bench.run(
            bench.tool("nn-predict"),
            "-m",
            model,
            *bench.digits,
            "--rows",
            "1437:",
            *arguments,
            stderr=subprocess.PIPE
        )
        return json.loads(bench.run(bench.tool("nn-eval"), "--json", input=predictions))["accuracy"]

    try:
        yield compare("Precision", WORK, "fp32", [accuracy("--precision", "bf16")], [accuracy()], show=share)
    except subprocess.CalledProcessError as error:
        yield Row("Precision", WORK, "fp32", skipped=error.stderr.decode().strip().splitlines()[0])
