// Objects of JSON, an object a line. For this module only.
#pragma once

#include <memory>
#include <string_view>

#include "format/bytes.hpp"

namespace nn::format {

// Whether a text is JSON: it begins with an object, or with an array of objects or arrays.
bool looks_like_json(std::string_view head);

struct JsonLines {
  std::unique_ptr<ByteInput> input;
  bool as_they_are = true;  // otherwise lines are counted by objects
};

// The input where it has an object a line already. An array of objects, and objects over several lines,
// become lines on the way; data errors name the object, counted from 1, where something else stands between
// them. The first row is looked at up to `longest` bytes.
JsonLines as_json_lines(std::unique_ptr<ByteInput> input, std::size_t longest);

}  // namespace nn::format
