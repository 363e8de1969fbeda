#include "net/access.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace nn::net {

std::string read_token(const std::string& path) {
  const auto file = MappedFile::open(path);
  warn_if_public(path, "token");
  const std::string_view line = trim(file->text().substr(0, file->text().find('\n')));
  if (line.empty()) throw data_error("the token is empty").within_file(path);
  return std::string(line);
}

}  // namespace nn::net
