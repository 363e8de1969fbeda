// Errors, sorted by what the caller should do about them, and in parts for whoever tells them to others.
//
// One exception type crosses module borders:
//
//   throw data_error("the table has no column '{}'", name)        // a sentence for anybody
//       .advise("; --no-header reads the first line as data");    // for whoever typed the command, with
//                                                                 // what joins it to the message
//   …
//   throw error.within_file("x.csv");                             // added on the way up
//
// A tool prints all of it, what(), once, in run_tool() of lib/cli: "x.csv: the table has no column 'a';
// --no-header reads the first line as data". A server tells its clients message(), and of where() what isn't
// of its own machine: they didn't type its command line, so no message names an option or sends to another
// tool; advice does. A log of JSON lines has advice() as a sentence, without what joins it to the message.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nn {

enum class ErrorKind {
  usage,        // the command line is wrong: exit 2
  data,         // an input says something it must not: exit 1
  io,           // reading or writing failed: exit 1
  unavailable,  // busy, unreachable, timed out, out of memory for now: worth retrying, exit 75
  unsupported,  // well-formed, but nothing here can do it: exit 1
  device,       // a device failed, and nothing works on it in this process any more: exit 71
  internal,     // a bug in these tools: exit 1
};

// "data", "device": the names that logs have.
std::string_view name_of(ErrorKind kind);
std::optional<ErrorKind> find_error_kind(std::string_view name);

// A value: the parts are constant and shared, so that a copy takes no memory and cannot fail. Copies may be
// in several threads.
class Error : public std::exception {
 public:
  struct Where {
    std::string text;    // "row 3", "x.csv:17", "unix:w0.sock"
    bool local = false;  // a file or the like, which means nothing to a client on another machine
  };

  Error(ErrorKind kind, std::string message);

  ErrorKind kind() const noexcept { return kind_; }
  // "where: where: message" and the joined advice.
  const char* what() const noexcept override { return parts_->text.c_str(); }
  const std::string& message() const noexcept { return parts_->message; }
  const std::vector<Where>& where() const noexcept { return parts_->where; }  // outermost first
  // Sentences: "--no-header reads the first line as data".
  const std::string& advice() const noexcept { return parts_->advice; }
  // The same as it goes behind the message: "; --no-header reads the first line as data".
  const std::string& joined_advice() const noexcept { return parts_->joined_advice; }
  // The message with all of where() in front, and without advice: for logs.
  std::string statement() const;
  // The same without what is local: for clients.
  std::string public_statement() const;

  // The same error in another place, or of another kind.
  Error within(std::string_view where) const;
  Error within_file(std::string_view path) const;
  Error within_file(std::string_view path, std::int64_t line) const;  // "path:line"
  Error as(ErrorKind kind) const;

  // Advice begins with what joins it to the message, punctuation and spaces, or it is in parentheses. Where
  // words join it, they come apart: .advise_after(" for --label", ": the last one is {}", last).
  template <typename... Args>
  Error advise(fmt::format_string<Args...> format, Args&&... args) const {
    return with_advice({}, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  Error advise_after(std::string_view joiner, fmt::format_string<Args...> format, Args&&... args) const {
    return with_advice(joiner, fmt::format(format, std::forward<Args>(args)...));
  }
  // Without `where`, if that is outermost: for who calls the place by another name.
  Error without(std::string_view where) const;
  bool is_within(std::string_view where) const noexcept;  // it is outermost

 private:
  struct Parts {
    std::vector<Where> where;
    std::string message, advice, joined_advice, text;
  };
  Error(ErrorKind kind, Parts parts);
  Error with_advice(std::string_view joiner, std::string_view advice) const;
  Error within(Where where) const;

  ErrorKind kind_;
  std::shared_ptr<const Parts> parts_;
};

template <typename... Args>
Error make_error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return {kind, fmt::format(format, std::forward<Args>(args)...)};
}

template <typename... Args>
Error data_error(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorKind::data, fmt::format(format, std::forward<Args>(args)...)};
}

// fail…() throws at once: it is for errors that need neither a place nor advice.
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

// "what: strerror(errno)" as an io error within `what`, which is local: a path, or what was tried.
[[noreturn]] void fail_errno(std::string_view what);
[[noreturn]] void fail_errno(std::string_view what, int error_number);

// What any exception says, as one of ours: memory that isn't there is an io error, an exception of somebody
// else's an internal one.
Error error_of(const std::exception_ptr& exception);

// The exit status that the contract between all tools gives to a kind.
inline constexpr int exit_failed = 1, exit_usage = 2;
inline constexpr int exit_device = 71;       // EX_OSERR of sysexits.h
inline constexpr int exit_unavailable = 75;  // EX_TEMPFAIL
constexpr int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return exit_usage;
    case ErrorKind::unavailable: return exit_unavailable;
    case ErrorKind::device: return exit_device;
    default: return exit_failed;
  }
}

}  // namespace nn
