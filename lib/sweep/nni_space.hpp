// NNI's search spaces: {"lr": {"_type": "loguniform", "_value": [0.0001, 0.1]}, …}.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nn::sweep {

// The largest file and the deepest nesting of choices that are read.
inline constexpr std::size_t max_nni_bytes = 1 << 20;
inline constexpr std::size_t max_nni_depth = 16;

// Whether the file is one, and not lines as --param takes them.
bool is_nni_space(std::string_view text);

struct NniSpace {
  std::vector<std::string> lines;  // as search::Space::parse() takes them, in the file's order
  std::vector<std::string> notes;  // sentences: what is not the same as in NNI
};
// A choice of objects with _name has parameters of its own, which are there if that is chosen; one whose name
// is not the only one is called PARENT_CHOICE_NAME. Data error for what isn't such a space, and names what
// has no exact counterpart: a step that the ends aren't multiples of, qnormal, qlognormal, and qloguniform
// but of whole numbers.
NniSpace parse_nni_space(std::string_view text);

}  // namespace nn::sweep
