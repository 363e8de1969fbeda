// The words for an enumeration's values: one table, from which come printing, parsing with a
// suggestion, completions and manuals.
//
//   const EnumNames<Loss>& enum_names(Loss) {
//     static constexpr EnumName<Loss> table[] = {{Loss::mse, "mse"}, {Loss::mae, "mae"}};
//     static constexpr EnumNames<Loss> names{"a loss", table};
//     return names;
//   }
//
// `enum_names` is found by its argument's namespace, so that generic code needs only the type.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

// "'cosinus' is not a schedule; did you mean cosine?", or what there is.
std::string unknown_name(std::string_view word, std::string_view what,
                         const std::vector<std::string_view>& names);
// Throws the same as a usage error.
[[noreturn]] void fail_unknown_name(std::string_view word, std::string_view what,
                                    const std::vector<std::string_view>& names);

template <typename Enum>
struct EnumName {
  Enum value;
  std::string_view name;
};

template <typename Enum>
struct EnumNames {
  std::string_view what;  // "a loss"
  std::span<const EnumName<Enum>> table;

  // Empty for a value that is not in the table.
  constexpr std::string_view name_of(Enum value) const {
    for (const EnumName<Enum>& entry : table) {
      if (entry.value == value) return entry.name;
    }
    return {};
  }

  Enum parse(std::string_view word) const {
    for (const EnumName<Enum>& entry : table) {
      if (entry.name == word) return entry.value;
    }
    fail_unknown_name(word, what, list());
  }

  // In the order of the table.
  std::vector<std::string_view> list() const {
    std::vector<std::string_view> names;
    for (const EnumName<Enum>& entry : table) names.push_back(entry.name);
    return names;
  }
};

}  // namespace nn
