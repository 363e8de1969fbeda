"""Whether there is a GPU to use, asked of NVIDIA's driver."""

import ctypes, os, sys

LIBRARY = "libcuda.so.1"
FOLDERS = ["/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"]  # of containers and of WSL, unknown to some loaders
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE: the only error that says there is no GPU
LOOK_AT = {
    3: "the driver is being unloaded",
    34: "libcuda.so.1 is the toolkit's stub: the driver's own must come before it in LD_LIBRARY_PATH",
    802: "the fabric manager isn't running: systemctl status nvidia-fabricmanager",
    803: "the kernel's module and libcuda have different versions: compare /proc/driver/nvidia/version with "
    "nvidia-smi, and load the module anew",
    804: "libcuda is of a newer CUDA than this GPU's driver may be used with: take cuda-compat out of the way",
    999: "see dmesg for NVRM and Xid, and whether /dev/nvidia-uvm is there: nvidia-modprobe -u",
}


def load():
    """(the driver, a folder that the loader doesn't look at by itself or None); the driver is None where there is
    none. LD_LIBRARY_PATH is read anew: a rehearsal sets it, and the loader has read it when the process began."""
    named = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    paths = [(os.path.join(folder, LIBRARY), None) for folder in named] + [(LIBRARY, None)]
    paths += [(os.path.join(folder, LIBRARY), folder) for folder in FOLDERS]
    for path, folder in paths:
        try:
            return ctypes.CDLL(path), folder
        except OSError:
            pass
    return None, None


def name_of(driver, error):
    """What the driver calls it; some drivers don't know."""
    text = ctypes.c_char_p()
    try:
        driver.cuGetErrorName(error, ctypes.byref(text))
    except AttributeError:
        pass
    return f"{text.value.decode()} ({error})" if text.value else f"error {error}"


def look():
    """(why there is no GPU to use or None, a folder that LD_LIBRARY_PATH needs or None). A driver that fails ends
    it all: what it would have been used for was not skipped for want of a GPU."""
    driver, folder = load()
    if driver is None:
        return "no NVIDIA driver", None
    count = ctypes.c_int(0)
    error = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if error == NO_DEVICE or (error == 0 and count.value == 0):
        return "no NVIDIA device", None
    if error:
        hint = LOOK_AT.get(error, "see what nvidia-smi and dmesg say")
        sys.exit(f"gpu-acceptance: the NVIDIA driver fails with {name_of(driver, error)}: {hint}")
    return None, folder
