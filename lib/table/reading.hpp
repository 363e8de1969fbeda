// How a table of text was read by who learned from it, so that another such table is read alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace nn::table {

// What people said of the text, and where the label came from. Nothing said: the default.
struct Reading {
  char delimiter = 0, decimal = 0;    // 0: not said
  std::optional<char> quote, escape;  // 0: none
  std::optional<bool> header;
  std::string encoding, comment;
  std::vector<std::string> missing;
  bool usual_missing = true;
  std::string trim_label;
  std::optional<std::string> label, target, id;  // names of the columns that became y and id

  bool operator==(const Reading&) const = default;
};

}  // namespace nn::table
