// Labels: names for versions of a repository, which move. BASE/labels/NAME holds a version's number in
// decimal and a line end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace nn::repository {

inline constexpr std::size_t most_labels = 1024;       // of a repository
inline constexpr std::size_t longest_label_name = 64;  // bytes

struct Label {
  std::string name;
  std::uint64_t version;
};

// Usage error for a label's name that is none: printable UTF-8 of at most longest_label_name bytes, without
// '/' and ':', that doesn't begin with a dot and doesn't look like a number.
void check_label_name(std::string_view name);
std::string parse_label_name(std::string_view text);  // the same
// "stable=3". Usage error.
Label parse_label(std::string_view text);

// What a label's file says, "3\n". Data error for anything else: without its line end it may be a part of
// what somebody writes at this moment.
std::uint64_t parse_label_file(std::string_view text);

struct Labels {
  std::map<std::string, std::uint64_t, std::less<>> versions;
  std::map<std::string, Error, std::less<>> wrong;  // why others don't count, by printable names
};

// The labels that are there; names that begin with a dot are nobody's. Whether the versions are there is not
// looked at. Io error where the folder can't be read, data error where there are more than most_labels.
Labels read_labels(const std::string& base);

// Points labels to versions, one after the other and each in place of another: readers see the one or the
// other. Warns of a label whose version has other classes than the one it pointed to, or wants columns that
// the other does not. Data error before anything changes where the repository has not all of these versions,
// or would have too many labels; io errors.
void set_labels(const std::string& base, const std::vector<Label>& labels);
// Data error where there is no such label.
void remove_label(const std::string& base, const std::string& name);
// Both: nothing is changed where one of them can't be. Usage error for a label that is named twice.
void change_labels(const std::string& base, const std::vector<Label>& set,
                   const std::vector<std::string>& removed);

}  // namespace nn::repository
