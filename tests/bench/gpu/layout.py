"""Where gpu-acceptance finds what it runs: in a tree and its build folder, or in a bundle."""

import dataclasses, glob, json, os, re, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
ABOUT = "bundle.json"
PROGRAMS = ["nn-devices", "nn-train", "nn-predict", "nn-eval", "nn-worker", "cuda-table", "bench-gpu"]
DEVICE_BENCH, HOST_BENCH = "bench-device", "bench-device-host"  # for a GPU, and on the stand-ins


@dataclasses.dataclass(frozen=True)
class Layout:
    root: str  # has examples/
    build: str  # has bin/, and lib/nn-tools/ with the plugin
    driver: str  # the folder of the stand-in for the driver
    plugin: str  # of the plugin that computes on the host
    about: dict = dataclasses.field(default_factory=dict)  # of a bundle: see bundle.py

    @property
    def commands(self):
        """The folder of the stand-ins for what CUDA and its driver bring as programs."""
        return os.path.join(HERE, "rehearsal")

    def program(self, name):
        return os.path.join(self.build, "bin", name)

    def version(self):
        """Of nn-tools, as its history has it."""
        if self.about:
            return self.about["version"]
        git = lambda *command: subprocess.run(["git", "-C", self.root, *command], capture_output=True, text=True)
        try:
            answer = git("log", "-1", "--format=%h %cs %s")
            changed = git("diff", "--quiet", "HEAD").returncode == 1
        except OSError:
            return "there is no git"
        return f"{answer.stdout.strip() or 'not a clone'}{', changed' if changed else ''}"

    def stand_in(self):
        """The environment of a rehearsal, for this process and all that it starts."""
        before = lambda folder, name: ":".join(filter(None, [folder, os.environ.get(name)]))
        os.environ["PATH"] = before(self.commands, "PATH")
        os.environ["LD_LIBRARY_PATH"] = before(self.driver, "LD_LIBRARY_PATH")
        os.environ["NN_PLUGIN_DIR"] = self.plugin


def of_tree(root, build):
    stand_ins = os.path.join(build, "tests/cuda")
    return Layout(root, build, os.path.join(stand_ins, "driver"), os.path.join(stand_ins, "host"))


def of_bundle(folder):
    with open(os.path.join(folder, ABOUT)) as file:
        about = json.load(file)
    stand_ins = os.path.join(folder, "rehearsal")
    return Layout(folder, folder, os.path.join(stand_ins, "driver"), os.path.join(stand_ins, "host"), about)


def check_machine(about):
    """A bundle's programs must be able to start."""
    if (machine := os.uname().machine) != about["machine"]:
        sys.exit(f"gpu-acceptance: this bundle is for {about['machine']}, and this machine is {machine}")
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION")
    except ValueError:
        libc = "none"
    number = lambda text: [int(part) for part in re.findall(r"\d+", text)]
    if number(libc) < number(about["glibc"]):
        sys.exit(f"gpu-acceptance: this bundle needs glibc {about['glibc']} or newer, and here is {libc}")


def cuda_folders(python):
    """Where CUDA's libraries usually are, behind the folders that LD_LIBRARY_PATH names and the loader's own."""
    yield from (f for f in os.environ.get("LD_LIBRARY_PATH", "").split(":") if f)
    try:
        cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    except OSError:
        cache = ""
    yield from dict.fromkeys(os.path.dirname(line.split()[-1]) for line in cache.splitlines() if "=>" in line)
    for pattern in ("lib64", "targets/*/lib"):
        yield from sorted(glob.glob(f"/usr/local/cuda/{pattern}") + glob.glob(f"/usr/local/cuda-*/{pattern}"))
    print_path = [python, "-c", "import sys; print(*sys.path, sep='\\n')"]
    answer = subprocess.run(print_path, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    for packages in answer.stdout.splitlines():
        yield from sorted(glob.glob(os.path.join(glob.escape(packages or "."), "nvidia/*/lib")))


def find_cuda(about, python):
    """{library: its path} of those that a bundle's plugin needs of CUDA. They are of one folder if one has all."""
    names = about.get("cuda", [])
    folders = list(dict.fromkeys(map(os.path.abspath, cuda_folders(python)))) if names else []
    found = {}
    for folder in sorted(folders, key=lambda f: not all(os.path.exists(os.path.join(f, name)) for name in names)):
        for name in names:
            if os.path.exists(path := os.path.join(folder, name)):
                found.setdefault(name, path)
    missing = [name for name in names if name not in found]
    if missing:
        sys.exit(
            f"gpu-acceptance: there is no {' and no '.join(missing)}: not in LD_LIBRARY_PATH, not in the loader's "
            f"cache, not in /usr/local/cuda*/lib64 and not among the packages of {python} (nvidia/*/lib); name the "
            "folder of CUDA's libraries in LD_LIBRARY_PATH, or with --python an interpreter whose PyTorch brought "
            "them"
        )
    return found
