#include "base/error.hpp"

#include <cerrno>
#include <cstring>

namespace nn {

void fail_errno(std::string_view what) { fail_errno(what, errno); }

void fail_errno(std::string_view what, int error_number) {
  char buffer[256];
  const char* text = ::strerror_r(error_number, buffer, sizeof buffer);  // GNU flavour
  fail(ErrorKind::io, "{}: {}", what, text);
}

}  // namespace nn
