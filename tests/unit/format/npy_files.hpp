// Files of NumPy made byte by byte, as other programs may write them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace nn::test {

inline std::string npy(std::string_view dictionary, std::string_view data, char version = 1) {
  std::string out = "\x93NUMPY";
  out += version;
  out += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    out += static_cast<char>(dictionary.size() >> 8 * i & 0xFF);
  return out.append(dictionary).append(data);
}

inline std::string dictionary(std::string_view descr, bool fortran, std::string_view shape) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr,
                     fortran ? "True" : "False", shape);
}

}  // namespace nn::test
