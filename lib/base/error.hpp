// Errors, sorted by what the caller should do about them.
//
// One exception type crosses module borders. Context is added on the way up
// with Error::within(); it is printed once, by run_tool() in lib/cli.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace nn {

enum class ErrorKind {
  usage,        // the command line is wrong: exit 2
  data,         // an input says something it must not: exit 1
  io,           // reading or writing failed: exit 1
  unavailable,  // busy, unreachable, timed out: worth retrying, exit 75
  unsupported,  // well-formed, but nothing here can do it: exit 1
  device,       // a device failed, and nothing works on it in this process any more: exit 1
  internal,     // a bug in these tools: exit 1
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

  // The same error with "where: " in front of its message.
  Error within(std::string_view where) const { return Error(kind_, fmt::format("{}: {}", where, what())); }

 private:
  ErrorKind kind_;
};

template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_data(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::data, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::usage, fmt::format(format, std::forward<Args>(args)...));
}

// "what: strerror(errno)" as an io error.
[[noreturn]] void fail_errno(std::string_view what);
[[noreturn]] void fail_errno(std::string_view what, int error_number);

// The exit status that the contract between all tools gives to a kind.
constexpr int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return 2;
    case ErrorKind::unavailable: return 75;
    default: return 1;
  }
}

}  // namespace nn
