"""Makes a bundle: a folder with all that gpu-acceptance runs, for a machine that has no compiler and no packages.

run, README        what to start, and what it is
bundle.json        {"version", "architectures", "machine", "glibc", "cuda"}: what it is made of and needs
bin/, lib/         programs, and the libraries they need but for glibc's and CUDA's; lib/nn-tools/ has the plugin
bench/             the scripts, as they are in the tree
rehearsal/         the stand-ins for driver and plugin
examples/          rows to train on
"""

import glob, importlib.machinery, importlib.util, json, os, re, shutil, subprocess, sys

from layout import ABOUT, DEVICE_BENCH, HOST_BENCH, PROGRAMS

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_BYTES = 60_000_000

README = """\
Checks and benches of nn-tools' CUDA backend, with the programs that they run, for {machine} with glibc {glibc} or
newer and a GPU for which there is code: {architectures} (90: compute capability 9.0). The machine needs NVIDIA's driver,
{cuda}, of a toolkit or of PyTorch, and Python 3.9 or newer. Where it has
PyTorch and compute-sanitizer they are used too. nn-tools: {version}.

    ./run --quick              the most telling of it in six minutes at most; the first thing to run
    ./run --quick --minutes 4  or in fewer
    ./run --all                everything, about an hour; --minutes ends it earlier
    ./run --rehearse           in miniature without a GPU, on stand-ins that compute on the CPU
    ./run table products       some sections
    ./run --help               the other options

Tables are added to gpu-acceptance.md and all samples to gpu-acceptance.jsonl, in this folder or in that of --output,
after each section, so that a run that is cut short leaves what it found. Status: 0 all passed, 1 something failed
or wasn't finished, 77 there is no GPU.
"""


def fail(text):
    sys.exit(f"gpu-acceptance: {text}")


def output_of(*command):
    try:
        answer = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        fail(f"a bundle takes {command[0]}; install it (Debian: binutils, patchelf, libc-bin)")
    if answer.returncode != 0:
        fail(f"{' '.join(command)}: {answer.stderr.strip() or answer.stdout.strip()}")
    return answer.stdout


def needs_of(file):
    """{name: path} of all libraries that the loader brings for it."""
    needs = {}
    for line in output_of("ldd", file).splitlines():
        if match := re.match(r"\s*(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$", line):
            if match[2] == "not found":
                fail(f"{file} needs {match[1]}, which isn't found here")
            needs[match[1]] = match[2]
    return needs


def glibc_of(file):
    """The versions of glibc's functions that it needs, or that it defines: ((2, 34), …), ((2, 2, 5), …)."""
    needed, defined, into = set(), set(), set()
    for line in output_of("readelf", "--wide", "--version-info", file).splitlines():
        if "section '.gnu.version" in line:
            into = needed if "needs section" in line else defined
        into |= {tuple(map(int, text.split("."))) for text in re.findall(r"Name: GLIBC_([\d.]+)", line)}
    return needed, defined


def architectures_of(layout, plugin):
    """Those that it has code for, as CMake names them; the test of the plugin knows how to find them."""
    file = os.path.join(layout.root, "tests/cuda/check-plugin")
    loader = importlib.machinery.SourceFileLoader("check_plugin", file)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_plugin", loader))
    loader.exec_module(module)
    return ", ".join(sorted(module.code_in(plugin)))


class Bundle:
    """A folder that is being filled."""

    def __init__(self, layout, folder):
        self.layout, self.folder = layout, folder
        with open(os.path.join(layout.build, "CMakeCache.txt")) as file:
            found = re.findall(r"^CUDA_\w+:FILEPATH=(/.*)$", file.read(), re.MULTILINE)
        self.of_cuda = {os.path.realpath(path) for path in found}
        self.glibc, self.cuda = (2, 0), []

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def copy(self, source, *names):
        target = self.path(*names)
        if not os.path.exists(source):
            fail(f"there is no {source}; build it first, or leave --no-build out")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)
        os.chmod(target, 0o755 if os.access(source, os.X_OK) else 0o644)
        return target

    def add_binary(self, source, *names):
        """Without symbols; libraries are found in lib/ first, by it and by what it loads."""
        needs = needs_of(source)
        target = self.copy(source, *names)
        output_of("strip", "--strip-unneeded", target)
        lib = os.path.relpath(self.path("lib"), os.path.dirname(target))
        output_of("patchelf", "--force-rpath", "--set-rpath", f"$ORIGIN/{lib}", target)
        self.glibc = max(self.glibc, *glibc_of(target)[0])
        for name, path in needs.items():
            self.add_library(name, os.path.realpath(path))

    def add_library(self, name, path):
        """Not CUDA's, which PyTorch or a toolkit brings, and not glibc's, which the machine's loader is part of."""
        if path in self.of_cuda:
            if name not in self.cuda:
                self.cuda.append(name)
        elif not os.path.exists(self.path("lib", name)) and not glibc_of(path)[1]:
            self.add_binary(path, "lib", name)

    def add_scripts(self):
        for file in glob.glob("**", root_dir=HERE, recursive=True):
            if file.endswith(".py") or os.path.dirname(file) == "rehearsal" and not file.endswith(".txt"):
                self.copy(os.path.join(HERE, file), "bench", "gpu", file)
        for name in ("report.py", "torch_layers.py"):
            self.copy(os.path.join(os.path.dirname(HERE), name), "bench", name)
        self.copy(os.path.join(HERE, "run"), "run")
        self.copy(os.path.join(self.layout.root, "examples/digits.csv.gz"), "examples", "digits.csv.gz")

    def describe(self, architectures):
        about = {"version": self.layout.version(), "architectures": architectures, "machine": os.uname().machine}
        about |= {"glibc": ".".join(map(str, self.glibc)), "cuda": sorted(self.cuda)}
        with open(self.path(ABOUT), "w") as file:
            json.dump(about, file, indent=1)
            file.write("\n")
        with open(self.path("README"), "w") as file:
            file.write(README.format(**about | {"cuda": " and ".join(about["cuda"])}))
        return about

    def check(self):
        """Every library is found in the folder itself, but for CUDA's and glibc's; returns the sizes of all files."""
        sizes = {}
        for at, _, files in os.walk(self.folder):
            for file in (os.path.join(at, name) for name in files):
                sizes[file] = os.path.getsize(file)
                with open(file, "rb") as opened:
                    if opened.read(4) != b"\x7fELF":
                        continue
                for name, path in needs_of(file).items():
                    inside = os.path.realpath(path).startswith(os.path.realpath(self.folder) + os.sep)
                    if not inside and name not in self.cuda and not glibc_of(os.path.realpath(path))[1]:
                        fail(f"{file} finds {name} in {path}, not in the bundle")
        return sizes


def make(layout, folder):
    folder = os.path.abspath(folder)
    if os.path.exists(folder) and not os.path.exists(os.path.join(folder, ABOUT)):
        fail(f"{folder} is there already and is no bundle; name another folder")
    bundle = Bundle(layout, f"{folder}.partial")
    shutil.rmtree(bundle.folder, ignore_errors=True)
    for name in [*PROGRAMS, DEVICE_BENCH, HOST_BENCH]:
        bundle.add_binary(layout.program(name), "bin", name)
    plugin = os.path.join(layout.build, "lib/nn-tools/nn-cuda.so")
    bundle.add_binary(plugin, "lib", "nn-tools", "nn-cuda.so")
    bundle.add_binary(os.path.join(layout.plugin, "nn-cuda.so"), "rehearsal", "host", "nn-cuda.so")
    bundle.add_binary(os.path.join(layout.driver, "libcuda.so.1"), "rehearsal", "driver", "libcuda.so.1")
    bundle.add_scripts()
    about = bundle.describe(architectures_of(layout, plugin))
    sizes = bundle.check()
    size = sum(sizes.values())
    if size > MOST_BYTES:
        largest = sorted(sizes, key=sizes.get, reverse=True)[:5]
        texts = [f"{os.path.relpath(file, bundle.folder)} {sizes[file] / 1e6:.1f} MB" for file in largest]
        shutil.rmtree(bundle.folder)
        fail(f"the bundle has {size / 1e6:.1f} MB, {MOST_BYTES / 1e6:.0f} are the most: {', '.join(texts)}")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(bundle.folder, folder)
    print(
        f"gpu-acceptance: {folder}: {size / 1e6:.1f} MB in {len(sizes)} files, for {about['architectures']}; needs "
        f"glibc {about['glibc']} or newer and {' and '.join(about['cuda'])}; start it there by ./run --quick"
    )
