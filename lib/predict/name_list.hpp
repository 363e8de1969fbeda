// Lists of names in the metadata of streams: nn.classes, nn.members.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nn::predict {

inline constexpr std::size_t most_names = 1'000'000;

struct NameList {
  std::vector<std::string> names;  // or the integers, as texts
  bool integers = false;
  bool mixed = false;  // texts and integers: names has those before the first of the other kind
};

// A JSON array of texts or of integers, at most `most_names` of them; nothing for anything else. It builds no
// tree, and stops at the first byte that is wrong: no text takes more than linear time, nor memory but for
// its names.
std::optional<NameList> parse_name_list(std::string_view text);

}  // namespace nn::predict
