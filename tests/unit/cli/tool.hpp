// A small tool for the tests of its parser and its texts.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "options/fields.hpp"

namespace nn::test {

struct Things {
  std::int64_t rows = 20;
  std::string path, log, last;
  bool fast = false;
  std::vector<std::string> inputs;
};

inline options::List thing_options(Things& t) {
  options::List list;
  options::Group run(list, "Run (in this order)", options::Effect::model);
  run.add(
      {.name = "rows",
       .letter = 'r',
       .value = "N|Nepochs",
       .help = "How many rows (default: {default})",
       .text =
           "How many rows of *input*; {default} by default:\n- `all` :: every one\n- `few`:*n* :: some of "
           "them\n\nSee nn-read(1), and 'a b' with --fast."},
      options::count(t.rows, 1));
  run.add({.name = "fast", .letter = 'f', .help = "Don't wait: it's fast"}, options::flag(t.fast));
  options::Group files(list, "Files", options::Effect::output);
  files.add({.name = "output", .letter = 'o', .value = "FILE", .help = "Where to write"},
            options::file(t.path, ".nn .npz"));
  files.add({.name = "log", .value = "FILE", .help = "What happens", .effect = options::Effect::report},
            options::file(t.log));
  return list;
}

inline cli::Command thing_tool(Things& t) {
  return {
      .name = "nn-thing",
      .summary = "do a thing",
      .options = thing_options(t),
      .arguments = {options::argument("input", "INPUT", "What to read", options::files(t.inputs, ".csv"))},
      .example = "nn-thing -f a.csv"};
}

inline cli::Command tool_with_commands(Things& t) {
  return {
      .name = "nn-things",
      .summary = "do several things",
      .options = {},
      .subcommands = {{.name = "show", .summary = "Show it", .options = thing_options(t)},
                      {.name = "move",
                       .summary = "Move it",
                       .options = {},
                       .arguments = {options::argument("FROM", "FROM", "From there", options::file(t.path)),
                                     options::argument("TO", "TO", "To there", options::folder(t.last))}}},
      .example = "nn-things show"};
}

}  // namespace nn::test
