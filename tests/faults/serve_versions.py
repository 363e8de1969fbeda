"""Versions that are broken or gone, and a disk that is full."""
import os
import pathlib
import shutil
import subprocess
import time

from serve_context import BIN, BODY, FOLDER, MODELS, PREDICT, Skip, serve
from serve_harness import Load, get, until


def status(server, version):
    """(state, reason) of a version of digits; nothing where nobody knows of it."""
    code, said = get(server.port, "/v1/models/digits")
    assert code == 200, said
    for one in said["model_version_status"]:
        if one["version"] == str(version):
            return one["state"], one["status"]["error_message"]
    return None


def bad_versions():
    """(what it is, how it comes to be): each version is newer than the last."""
    good = pathlib.Path(MODELS.path("digits-2.nn")).read_bytes()

    def write(folder, content):
        (folder / "model.nn").write_bytes(content)

    def unreadable(folder):
        write(folder, good)
        os.chmod(folder / "model.nn", 0)

    corrupt = bytearray(good)
    corrupt[-5] ^= 0x40
    yield "half a file", lambda folder: write(folder, good[: len(good) // 2])
    yield "an empty file", lambda folder: write(folder, b"")
    yield "a flipped bit", lambda folder: write(folder, bytes(corrupt))
    yield "another file", lambda folder: write(folder, b"GIF89a" + bytes(5000))
    yield "unreadable", unreadable


def versions():
    folder = pathlib.Path(FOLDER, "versions")
    shutil.copytree(MODELS.repository, folder)
    before = []
    if os.geteuid() == 0 and shutil.which("setpriv"):  # root reads everything
        os.chmod(FOLDER, 0o755)
        before = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    with serve(models=str(folder), before=before) as server, Load(server.port, PREDICT, BODY) as load:
        number = 1
        for what, make in bad_versions():
            number += 1
            (folder / "digits" / str(number)).mkdir()
            make(folder / "digits" / str(number))
            until(lambda: (status(server, number) or ("", ""))[1], f"{what} is shown with a reason")
            state, reason = status(server, number)
            assert state != "AVAILABLE" and reason, (what, state, reason)
            assert status(server, 1)[0] == "AVAILABLE", what
            load.more()
            load.check()
        # It is made good, and takes over.
        shutil.rmtree(folder / "digits/2")
        shutil.rmtree(folder / "digits" / str(number - 1))
        subprocess.run([os.path.join(BIN, "nn-model"), "publish", "-q", MODELS.path("digits-2.nn"), folder / "digits"],
                       check=True, stdout=subprocess.DEVNULL)
        newest = max(int(path.name) for path in (folder / "digits").iterdir() if path.name.isdigit())
        until(lambda: (status(server, newest) or ("",))[0] == "AVAILABLE", lambda: f"it is served: {get(server.port, '/v1/models/digits')}")
        load.more()
        # Its versions vanish, then the whole file system: what is loaded stays.
        for path in (folder / "digits").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        time.sleep(0.3)
        load.more(100)
        folder.rename(FOLDER + "/elsewhere")
        time.sleep(0.3)
        load.more(100)
        load.check()


def full_disk():
    """The disk is full while a version is copied there."""
    small = pathlib.Path(FOLDER, "small")
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True).returncode != 0:
        raise Skip("a small file system can't be mounted here")
    try:
        shutil.copytree(os.path.join(MODELS.repository, "digits"), small / "digits")
        with serve(models=str(small)) as server, Load(server.port, PREDICT, BODY) as load:
            with open(small / "filler", "wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(bytes(4096))
                except OSError:
                    pass
            done = subprocess.run([os.path.join(BIN, "nn-model"), "publish", MODELS.path("digits-2.nn"), small / "digits"],
                                  capture_output=True, text=True)
            assert done.returncode == 1 and "No space left" in done.stderr, done
            # And by those who copy as they like.
            subprocess.run(["sh", "-c", f"mkdir {small}/digits/7; cp {MODELS.path('digits-2.nn')} {small}/digits/7/model.nn"],
                           capture_output=True)
            load.more(200)
            assert status(server, 1)[0] == "AVAILABLE"
            os.unlink(small / "filler")
            shutil.rmtree(small / "digits/7", ignore_errors=True)
            subprocess.run([os.path.join(BIN, "nn-model"), "publish", "-q", MODELS.path("digits-2.nn"), small / "digits"],
                           check=True, stdout=subprocess.DEVNULL)
            until(lambda: (status(server, 2) or ("",))[0] == "AVAILABLE", lambda: f"2 is served: {status(server, 2)}")
            load.more()
            load.check()
    finally:
        subprocess.run(["umount", "-l", small], check=True)
