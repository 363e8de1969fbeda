"""What gpu-acceptance measures: all sections or the most telling of them, on a GPU or in miniature."""

import dataclasses, itertools, typing


class Network(typing.NamedTuple):
    name: str
    net: str
    shape: str  # of the input
    outputs: int
    batch: int

    def question(self, work, **more):
        return {
            "work": work,
            "net": self.net,
            "shape": self.shape,
            "outputs": self.outputs,
            "batch": self.batch,
            **more,
        }

    def text(self):
        return f"{self.name}: {self.net}; inputs {self.shape}, outputs {self.outputs}, batch {self.batch}"


class Layer(typing.NamedTuple):
    """Its products: of the batch (or its patches) and the kernel, of as many members at once."""

    name: str
    rows: int
    inputs: int
    outputs: int
    members: int = 1


class Kernel(typing.NamedTuple):
    name: str
    rows: int
    columns: int


DIGITS = "dense 64 relu, dense 32 relu, dense"
MNIST = "dense 256 relu, dense"
CONVOLUTIONS = (
    "conv2d 32 3x3 same relu, max_pool2d 2, conv2d 64 3x3 same relu, max_pool2d 2, flatten, dense 128 relu, dense"
)
DEEP = (
    "conv2d 64 3x3 same relu, conv2d 64 3x3 same relu, max_pool2d 2, conv2d 128 3x3 same relu, "
    "conv2d 128 3x3 same relu, max_pool2d 2, flatten, dense 256 relu, dense"
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sizes."""

    networks: list
    small: list  # networks of which there are many members, and whose steps cost more than their products
    members: list
    layers: list
    kernels: list
    copy_bytes: int
    seconds: float  # of a sample
    rounds: int
    table: list  # options of cuda-table
    sanitizer: list  # the same, under compute-sanitizer
    epochs: int  # of networks that tools train
    digits: str  # rows that they train on
    interrupted: int  # epochs of a training that is stopped after the first


@dataclasses.dataclass(frozen=True)
class Course:
    """Which sections there are, in their order, and what of them."""

    sections: dict  # seconds that each may take of a whole that has a limit; None: no limit of its own
    tools: list  # groups of the section of this name
    sanitizers: list  # tools of compute-sanitizer
    minutes: float = None  # that all may take together

    def limits(self, names, minutes):
        """Seconds after the start at which each of these sections must be over, {} where there is no limit. What a
        section doesn't need is there for those behind it."""
        if minutes is None:
            return {}
        seconds = [self.sections[name] for name in names]
        if None in seconds:
            return dict.fromkeys(names, 60 * minutes)
        ends = itertools.accumulate(seconds)
        return {name: 60 * minutes * end / sum(seconds) for name, end in zip(names, ends)}


TOOLS = ["digits", "worker", "resume", "members", "second", "validation", "fashion"]
SANITIZERS = ["memcheck", "racecheck", "synccheck"]

# Checks first, what takes longest last.
ALL = Course(
    sections=dict.fromkeys(
        "machine table tools products epilogues kernels training feeding members sanitizer".split()
    ),
    tools=TOOLS,
    sanitizers=SANITIZERS,
)

# For a GPU that is there for minutes: what tells most comes first.
QUICK = Course(
    sections={
        "machine": 20,
        "table": 90,
        "tools": 80,
        "products": 35,
        "training": 60,
        "members": 20,
        "sanitizer": 50,
    },
    tools=["digits", "worker", "resume", "members", "second"],
    sanitizers=["memcheck"],
    minutes=6,
)


FULL = Plan(
    networks=[
        Network("digits", DIGITS, "64", 10, 32),
        Network("MNIST", MNIST, "784", 10, 128),
        Network("MNIST, large batch", MNIST, "784", 10, 4096),
        Network("wide", "dense 4096 relu, dense 4096 relu, dense", "4096", 1000, 2048),
        Network("convolutions, small batch", CONVOLUTIONS, "28x28x1", 10, 32),
        Network("convolutions", CONVOLUTIONS, "32x32x3", 10, 256),
        Network("deep convolutions", DEEP, "32x32x3", 10, 256),
    ],
    small=[Network("digits", DIGITS, "64", 10, 32), Network("MNIST", MNIST, "784", 10, 128)],
    members=[1, 2, 4, 8, 16, 64],
    layers=[
        Layer("digits", 32, 64, 64),
        Layer("digits, 64 members", 32, 64, 64, 64),
        Layer("MNIST", 128, 784, 256),
        Layer("MNIST, 16 members", 128, 784, 256, 16),
        Layer("MNIST, large batch", 4096, 784, 256),
        Layer("patches of 3x3x3, 256 images of 32x32", 262144, 27, 32),
        Layer("patches of 3x3x32, 256 images of 16x16", 65536, 288, 64),
        Layer("patches of 3x3x128, 256 images of 16x16", 65536, 1152, 128),
        Layer("1024", 1024, 1024, 1024),
        Layer("2048", 2048, 2048, 2048),
        Layer("wide", 2048, 4096, 4096),
        Layer("4096", 4096, 4096, 4096),
        Layer("8192", 8192, 8192, 8192),
    ],
    kernels=[
        Kernel("bias and relu", 65536, 1024),
        Kernel("gradient of bias", 65536, 1024),
        Kernel("softmax loss", 1048576, 10),
        Kernel("softmax loss", 65536, 1000),
        Kernel("adam", 4096, 16384),
        Kernel("gather patches", 1024, 3),
        Kernel("gather patches", 64, 64),
        Kernel("scatter patches", 64, 64),
    ],
    copy_bytes=1 << 30,
    seconds=0.25,
    rounds=5,
    table=["--patience", "120"],
    sanitizer=["--every", "9", "--rows", "40"],
    epochs=60,
    digits="0:1437",
    interrupted=400,
)

SHORT = dataclasses.replace(
    FULL,
    networks=[network for network in FULL.networks if network.name in ("MNIST", "convolutions")],
    small=[FULL.small[0]],
    members=[1, 8, 64],
    layers=[
        layer
        for layer in FULL.layers
        if layer.name in ("MNIST", "patches of 3x3x32, 256 images of 16x16", "wide", "8192")
    ],
    seconds=0.1,
    rounds=3,
    table=["--patience", "20"],
    sanitizer=["--count", "5", "--rows", "40"],
)

REHEARSAL = Plan(
    networks=[
        Network("digits", "dense 6 relu, dense", "5", 3, 4),
        Network("convolutions", "conv2d 2 3x3 same relu, max_pool2d 2, flatten, dense", "4x4x2", 3, 2),
    ],
    small=[Network("digits", "dense 6 relu, dense", "5", 3, 4)],
    members=[1, 2],
    layers=[Layer("small", 4, 5, 6), Layer("small, 2 members", 4, 5, 6, 2)],
    kernels=[
        Kernel("bias and relu", 8, 32),
        Kernel("gradient of bias", 8, 32),
        Kernel("softmax loss", 8, 10),
        Kernel("adam", 4, 16),
        Kernel("gather patches", 1, 1),
        Kernel("scatter patches", 1, 1),
    ],
    copy_bytes=4096,
    seconds=0,
    rounds=2,
    table=["--every", "12", "--rows", "20"],
    sanitizer=["--count", "2", "--rows", "9"],
    epochs=2,
    digits="0:200",
    interrupted=40,
)
