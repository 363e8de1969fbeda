// Tables with an entry for each value of an enumeration that ends with `count`.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace nn {

template <typename Kind>
inline constexpr auto count_of = static_cast<std::size_t>(Kind::count);

// {f(constant of the first value), …}, where a constant is a std::integral_constant. Where f names a
// template that is specialised for each value, in files of their own, a program without one of these
// doesn't link.
template <typename Kind, typename F>
constexpr auto table_of(F f) {
  return [&]<std::size_t... values>(std::index_sequence<values...>) {
    return std::array{f(std::integral_constant<Kind, static_cast<Kind>(values)>{})...};
  }
  (std::make_index_sequence<count_of<Kind>>{});
}

}  // namespace nn
