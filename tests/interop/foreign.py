"""Formats that aren't read: the command that the message tells converts the file: foreign.py BIN_FOLDER.

The advice is run as it stands there, with this Python as python3.
"""

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile

import pandas as pd
import polars as pl

BIN = os.path.abspath(sys.argv[1])
os.chdir(tempfile.mkdtemp())
PATH = f"{os.path.dirname(sys.executable)}:{BIN}:{os.environ['PATH']}"
frame = pd.DataFrame({"a": [1.5, 2.0, -3.25], "b": ["x", "y", "x"]})
wanted = "a,b\n1.5,x\n2,y\n-3.25,x\n"


def sh(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env={**os.environ, "PATH": PATH})
    return done.returncode, done.stdout, done.stderr


def check(name, what):
    status, _, err = sh(f"nn-read {name}")
    assert status == 1 and f"{name}: is {what}, which is not read here; convert it: " in err, err
    advice = err.split("convert it: ", 1)[1].strip()
    for command in advice.split(", or "):
        program = command.split()[0]
        if not shutil.which(program, path=PATH):
            print(f"   {name}: left out: no {program}")
            continue
        status, out, err = sh(command.replace("| nn-read", "| nn-read --to csv").replace("&& nn-read", "&& nn-read --to csv"))
        if "ModuleNotFoundError" in err or "ImportError" in err:
            print(f"   {name}: left out: {err.strip().splitlines()[-1]}")
            continue
        assert out == wanted, f"{command}\n{out}{err}"
        print(f"   {name}: {program}")


frame.to_parquet("f.parquet")
check("f.parquet", "a Parquet file")
frame.to_orc("f.orc")
check("f.orc", "an ORC file")
frame.to_stata("f.dta", write_index=False)
check("f.dta", "a file of Stata")
frame.to_pickle("f.pkl")
check("f.pkl", "a pickle")
with open("old.pkl", "wb") as file:
    pickle.dump(frame, file, protocol=2)
check("old.pkl", "a pickle")
pl.from_pandas(frame).write_avro("f.avro")
check("f.avro", "an Avro file")
with sqlite3.connect("f.db") as base:
    base.execute("create table rows (a real, b text)")
    base.executemany("insert into rows values (?, ?)", frame.itertuples(index=False))
status, _, err = sh("nn-read f.db")
assert "f.db: is a database of SQLite" in err and "sqlite3 -csv -header 'f.db'" in err, err
for name, bytes_, what in [
    ("f.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "a file of Excel"),
    ("f.rds", b"X\n\0\0\0\3" + bytes(64), "an R object (.rds)"),
    ("f.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
    ("f.sav", b"$FL2@(#)" + bytes(64), "a file of SPSS"),
    ("f.sas7bdat", bytes(12) + b"\xc2\xea\x81\x60" + bytes(64), "a file of SAS"),
    ("f.mat", b"MATLAB 5.0 MAT-file" + bytes(64), "a file of MATLAB"),
]:
    with open(name, "wb") as file:
        file.write(bytes_)
    status, _, err = sh(f"nn-read {name}")
    assert status == 1 and f"{name}: is {what}, which is not read here; convert it: " in err, err
with zipfile.ZipFile("f.xlsx", "w") as file:
    file.writestr("[Content_Types].xml", "<Types/>")
    file.writestr("xl/workbook.xml", "<workbook/>")
status, _, err = sh("cat f.xlsx | nn-read")
assert status == 1 and "is a spreadsheet, which is not read here; convert it: python3 -c" in err, err
print("ok")
