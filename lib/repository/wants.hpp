// What people want of a repository beyond its workers' policies: BASE/wanted, where all its workers read it.
// A line is a version that is to be served, "+3", or one that is not, "-5".
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace nn::repository {

struct Wants {
  std::set<std::uint64_t> served, refused;  // no version is in both
  void serve(std::uint64_t version);
  void refuse(std::uint64_t version);
  bool empty() const { return served.empty() && refused.empty(); }
  bool operator==(const Wants&) const = default;
};

// Data error for a line that is anything else, or about a version that another line was about.
Wants parse_wants(std::string_view text);
std::string to_text(const Wants& wants);

// Nothing is wanted where there is no file. Data error where the file is wrong, io error where it can't be
// read.
Wants read_wants(const std::string& base);

// Replaces the file by one that says what `change` makes of what it says, and returns that: changes that
// several make at once come one after the other. Where nothing is wanted there is no file. Data error where
// the file is wrong, io errors where it can't be written, unavailable where others change it all the time.
Wants change_wants(const std::string& base, const std::function<void(Wants&)>& change);
// The same for nothing: the policies say it all. Whatever the file says.
void clear_wants(const std::string& base);

}  // namespace nn::repository
