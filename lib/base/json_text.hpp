// JSON from outside, and JSON with texts from outside in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nn {

// Whether arrays and objects nest deeper than `depth`. It looks at each byte once and takes no memory; a
// parser that builds a tree needs some hundred times the bytes of "[[[[…", and this is asked before it is
// called. The text need not be JSON.
bool json_nests_deeper(std::string_view text, std::size_t depth);

// How many bytes at the front a string of JSON has as they are: printable ASCII but for quotes and
// backslashes.
std::size_t plain_in_json(std::string_view text);

// A nlohmann::json value as text. Its own dump() throws for bytes that aren't UTF-8, which names and
// texts from outside may be: here they become U+FFFD.
template <typename Json>
std::string json_dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace nn
