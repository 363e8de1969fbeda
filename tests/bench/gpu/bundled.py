"""gpu-acceptance in a bundle of it: see README there."""

import argparse, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
sys.dont_write_bytecode = True
import layout, runner

parser = argparse.ArgumentParser(prog="run", description="Checks and benches of nn-tools' CUDA backend on a GPU.")
runner.add_options(parser, "the bundle")
options = runner.parse(parser)
options.output = os.path.abspath(options.output or FOLDER)
place = layout.of_bundle(FOLDER)
layout.check_machine(place.about)
runner.main(place, options)
