// What a study of nn-sweep says of itself in its first line, and when that changes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "search/space.hpp"

namespace nn::study {

inline constexpr int format_version = 1;

struct Header {
  int format = format_version;
  std::string version = {};               // of nn-tools
  std::vector<std::string> command = {};  // the template, one word each
  std::vector<std::string> space = {};    // lines, as Space::parse() takes them
  std::vector<std::string> forbidden = {};
  std::uint64_t seed = 0;
  // Whatever else decides about trials, as its option has it: sampler, pruner, metric, constraint, …
  std::map<std::string, std::string> settings = {};
  bool operator==(const Header&) const = default;
};

std::string to_json(const Header& header);
// Data errors; Unsupported where it is of a later format.
Header parse_header(std::string_view json);

// What to do with a space that isn't the study's own when that goes on.
struct SpaceChange {
  std::vector<std::string> said;     // sentences: "lr: 1e-4 … 0.1 becomes 1e-5 … 0.1"
  std::vector<std::string> refused;  // of what can't be in one study: "layers: its choices can't change"
  bool empty() const { return said.empty() && refused.empty(); }
};
// Numbers may get other ranges, conditions and what is forbidden may change, parameters may come and go (old
// trials without a new one teach nothing, which is said). Refused are other choices, and kinds that Optuna
// takes for different ones.
SpaceChange compare(const search::Space& before, const search::Space& now);

}  // namespace nn::study
