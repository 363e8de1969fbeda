// Errors, as REST protocols tell them: {"error":"…"}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace nn::inference {

// Appends {"error":"message"}. Any text: what isn't UTF-8 becomes U+FFFD.
void append_error(std::string& body, std::string_view message);
// What a client may know of an error: its public statement.
void append_error(std::string& body, const Error& error);

// Appends a text as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);
// The shortest digits that read back as the same number. A whole number gets ".0", so that typed clients see
// that it is a float; what isn't finite is NaN, Infinity, -Infinity, or null where JSON is to be strict.
void append_json_float(std::string& out, float value, bool strict);
void append_json_float(std::string& out, double value, bool strict);
void append_json_integer(std::string& out, std::int64_t value);

}  // namespace nn::inference
