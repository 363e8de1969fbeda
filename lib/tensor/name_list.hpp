// Lists of names in the metadata of streams: nn.classes, nn.members, nn.element_names.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/batch.hpp"

namespace nn {

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

// The texts as a JSON array; bytes that are not UTF-8 become U+FFFD.
std::string name_list_text(const std::vector<std::string>& names);

// What the elements of a tensor column are called, in their order: of y the columns that it was made of, of
// predictions likewise. Empty where they have no names, or not as many as there are elements.
std::vector<std::string> element_names(const Field& field);
void set_element_names(Field& field, const std::vector<std::string>& names);

}  // namespace nn
