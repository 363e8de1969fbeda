#include "net/access.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace nn::net {

std::string read_token(const std::string& path) {
  constexpr std::size_t longest = 64 << 10;
  const std::string text = read_text(path, longest);
  warn_if_public(path, "token");
  const std::string first = split_lines(text)[0];
  const std::string_view line = trim(first);
  if (line.empty()) throw data_error("the token is empty").within_file(path);
  return std::string(line);
}

}  // namespace nn::net
