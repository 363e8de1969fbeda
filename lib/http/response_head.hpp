// The head of an answer of HTTP/1.1. Internal to this module.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.hpp"

namespace nn::http {

// "OK"; "Unknown" for what has no name.
std::string_view reason_of(int status);

// The calendar's time as the field Date has it (RFC 9110, section 5.6.7). Of one thread.
class DateText {
 public:
  // "Fri, 15 Jan 2027 08:00:00 GMT"; formatted once a second, without an allocation. What it returned before
  // then says the same.
  std::string_view at(std::chrono::system_clock::time_point now);

 private:
  std::chrono::sys_seconds second_ = std::chrono::sys_seconds::min();
  std::array<char, 29> text_{};
};

struct HeadForm {
  std::string_view date;
  bool close = false;       // says that the connection ends
  bool keep_alive = false;  // says that it doesn't, to HTTP/1.0
  std::string_view content_encoding;
  bool varies = false;  // by Accept-Encoding
};

// In place of what is in `out`. Control characters in fields become spaces.
void write_head(const Response& response, std::size_t body_size, const HeadForm& form, std::string& out);

// Statuses whose answers have no body, whatever it is.
constexpr bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace nn::http
