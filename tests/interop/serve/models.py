"""Small models for clients of nn-serve, and what nn-predict says of some rows."""

import csv
import json
import os
import subprocess

import servers


class Models:
    """digits: 64 numbers c0 … c63, ten classes that are integers. people: numbers and a text, classes with names.
    length: numbers, and a number as the answer."""

    def __init__(self, bin_folder, examples, folder):
        self.bin, self.folder = bin_folder, folder
        self.repository = os.path.join(folder, "repository")
        digits = self.path("digits.csv")
        read = [self.tool("nn-read"), os.path.join(examples, "digits.csv.gz"), "--no-header", "--label", "last"]
        subprocess.run([*read, "--rows", "0:200", "--to", "csv", "-o", digits], check=True)
        self.train("digits", digits, "--layers", "16", "--standardize")
        self.train("digits-2", digits, "--layers", "16", "--standardize", "--seed", "2")
        with open(self.path("people.csv"), "w") as people, open(self.path("length.csv"), "w") as length:
            print("age,height,town,y", file=people)
            print("a,b,y", file=length)
            for i in range(120):
                town = ("Ulm", "Köln", "Bonn")[i % 3]
                print(f"{18 + i % 60},{150 + i % 41}.5,{town},{'yes' if (i % 60 > 30) ^ (town == 'Ulm') else 'no'}", file=people)
                print(f"{i}.5,{i % 7}.25,{i * 0.5 + 0.125}", file=length)
        self.train("people", self.path("people.csv"), "--layers", "8", "--standardize")
        self.train("length", self.path("length.csv"), "--layers", "8", "--standardize", y="--target")
        servers.repository(self.repository, **{name: self.path(name + ".nn") for name in ("digits", "people", "length")})

    def path(self, name):
        return os.path.join(self.folder, name)

    def tool(self, name):
        return os.path.join(self.bin, name)

    def train(self, name, table, *options, y="--label"):
        command = [self.tool("nn-train"), table, y, "y", "--epochs", "8", "--seed", "1", "--quiet", *options]
        subprocess.run([*command, "-o", self.path(name + ".nn")], check=True)

    def publish(self, name, version, file):
        subprocess.run([self.tool("nn-model"), "publish", "--as", str(version), self.path(file + ".nn"),
                        os.path.join(self.repository, name), "-q"], check=True, stdout=subprocess.DEVNULL)

    def rows(self, name, count):
        """The first rows of its table, columns by name, without y."""
        with open(self.path(name + ".csv"), newline="") as file:
            table = list(csv.DictReader(file))[:count]
        number = lambda text: float(text) if text.replace(".", "", 1).lstrip("-").isdigit() else text
        return [{key: number(value) for key, value in row.items() if key != "y"} for row in table]

    def predictions(self, name, count, file=None):
        """What nn-predict says of them, an object a row."""
        command = [self.tool("nn-predict"), "-m", self.path((file or name) + ".nn"), self.path(name + ".csv"), "--to", "json"]
        lines = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().splitlines()
        return [json.loads(line) for line in lines[:count]]
