// Words for enumerations. Internal to lib/nn.
#pragma once

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/text.hpp"
#include "nn/network.hpp"

namespace nn {

template <typename Enum, std::size_t N>
Enum parse_name(const std::array<std::string_view, N>& names, std::string_view word, std::string_view what) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == word) return static_cast<Enum>(i);
  }
  const auto meant = closest(word, {names.begin(), names.end()});
  fail_usage(
      "'{}' is not {}; {}", printable(word), what,
      meant ? fmt::format("did you mean {}?", *meant) : fmt::format("there are {}", fmt::join(names, ", ")));
}

// Checks what holds whatever the data is, and names the layers.
void finish_layers(Network& network);

}  // namespace nn
