"""The share of its time that a training device waits for data: nn-train's own figure, data_wait."""

import json, os, struct

from report import share, single

RUNS = {
    "[784,256,128,10], batch 128": ["--layers", "256,128", "--epochs", "3"],
    "[784,256,128,10], batch 128, shifted images": ["--layers", "256,128", "--epochs", "3", "--augment", "shift 2"],
    "MNIST CNN, batch 128, shifted images": [
        "--net",
        "conv2d 32 3x3 relu, conv2d 64 3x3 relu, max_pool2d 2, flatten, " "dense 128 relu, dense",
        "--epochs",
        "1",
        "--augment",
        "shift 2",
    ],
}
IMAGES = 8000


def rows(bench, options):
    bench.say("waiting for data")
    images, labels, log = (bench.file(name) for name in ("images.idx", "labels.idx", "log.json"))
    with open(images, "wb") as file:
        file.write(struct.pack(">IIII", 0x803, IMAGES, 28, 28) + os.urandom(IMAGES * 28 * 28))
    with open(labels, "wb") as file:
        file.write(struct.pack(">II", 0x801, IMAGES) + bytes(i % 10 for i in range(IMAGES)))
    for work, arguments in RUNS.items():
        for device in (f"cpu:{bench.core}", "cpu"):
            bench.run(
                bench.tool("nn-train"),
                images,
                "--labels",
                labels,
                "--batch",
                "128",
                "--device",
                device,
                "--quiet",
                *arguments,
                "--log",
                log,
                "-o",
                bench.file("waiting.nn"),
            )
            with open(log) as file:
                *epochs, _ = map(json.loads, file)  # the last line says how the run ended
            waits = [epoch["data_wait"] for epoch in epochs]
            yield single("Waiting for data", f"{work}, {device}", waits, show=share)
