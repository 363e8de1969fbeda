#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

namespace nn {
namespace {

struct NamedKind {
  ErrorKind kind;
  std::string_view name;
};
constexpr std::array<NamedKind, 7> kinds{{{ErrorKind::usage, "usage"},
                                          {ErrorKind::data, "data"},
                                          {ErrorKind::io, "io"},
                                          {ErrorKind::unavailable, "unavailable"},
                                          {ErrorKind::unsupported, "unsupported"},
                                          {ErrorKind::device, "device"},
                                          {ErrorKind::internal, "internal"}}};

std::string joined(const std::vector<Error::Where>& where, std::string_view message, bool with_local) {
  std::string text;
  for (const Error::Where& one : where) {
    if (with_local || !one.local) text.append(one.text).append(": ");
  }
  return text.append(message);
}

// "; try again" and " (try again)" without what joins them to a message. Parentheses that close before the
// end, as in " (1) or (2)", are part of the sentence.
std::string_view sentence_of(std::string_view advice) {
  const bool enclosed =
      advice.starts_with(" (") && advice.find(')') == advice.size() - 1 && advice.find('(', 2) == advice.npos;
  if (enclosed) return advice.substr(2, advice.size() - 3);
  return advice.substr(std::min(advice.find_first_not_of(" ;:,"), advice.size()));
}

}  // namespace

std::string_view name_of(ErrorKind kind) {
  for (const NamedKind& known : kinds) {
    if (known.kind == kind) return known.name;
  }
  return "internal";
}

std::optional<ErrorKind> find_error_kind(std::string_view name) {
  for (const NamedKind& known : kinds) {
    if (known.name == name) return known.kind;
  }
  return std::nullopt;
}

Error::Error(ErrorKind kind, std::string message) : Error(kind, Parts{{}, std::move(message), {}, {}, {}}) {}

Error::Error(ErrorKind kind, Parts parts) : kind_(kind) {
  parts.text = joined(parts.where, parts.message, true) + parts.joined_advice;
  parts_ = std::make_shared<const Parts>(std::move(parts));
}

std::string Error::statement() const { return joined(where(), message(), true); }
std::string Error::public_statement() const { return joined(where(), message(), false); }

Error Error::within(Where where) const {
  Parts parts = *parts_;
  parts.where.insert(parts.where.begin(), std::move(where));
  return {kind_, std::move(parts)};
}

Error Error::within(std::string_view where) const { return within(Where{std::string(where), false}); }
Error Error::within_file(std::string_view path) const { return within(Where{std::string(path), true}); }
Error Error::within_file(std::string_view path, std::int64_t line) const {
  return within(Where{fmt::format("{}:{}", path, line), true});
}

Error Error::as(ErrorKind kind) const {
  Error other = *this;
  other.kind_ = kind;
  return other;
}

Error Error::with_advice(std::string_view joiner, std::string_view advice) const {
  if (joiner.empty() && advice.empty()) return *this;
  Parts parts = *parts_;
  // Further advice is joined to the advice that was there.
  if (parts.advice.empty()) {
    parts.advice = sentence_of(advice);
  } else {
    parts.advice.append(joiner).append(advice);
  }
  parts.joined_advice.append(joiner).append(advice);
  return {kind_, std::move(parts)};
}

bool Error::is_within(std::string_view where) const noexcept {
  return !parts_->where.empty() && parts_->where.front().text == where;
}

Error Error::without(std::string_view where) const {
  if (!is_within(where)) return *this;
  Parts parts = *parts_;
  parts.where.erase(parts.where.begin());
  return {kind_, std::move(parts)};
}

void fail_errno(std::string_view what) { fail_errno(what, errno); }

void fail_errno(std::string_view what, int error_number) {
  char buffer[256];
  const char* text = ::strerror_r(error_number, buffer, sizeof buffer);  // GNU flavour
  throw Error(ErrorKind::io, text).within_file(what);
}

Error error_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorKind::io, "out of memory"};
  } catch (const std::exception& error) {
    return {ErrorKind::internal, error.what()};
  } catch (...) {
    return {ErrorKind::internal, "an exception that has no text"};
  }
}

}  // namespace nn
