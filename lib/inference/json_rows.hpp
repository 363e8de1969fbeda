// Elements of JSON as elements of rows. For this module's sources only.
#pragma once

#include "inference/json.hpp"
#include "inference/rows.hpp"

namespace nn::inference {

// What is missing among numbers is NaN.
class JsonRows {
 public:
  JsonRows(JsonBody& json, Base64& base64) : json_(json), base64_(base64) {}

  // A row's lists, nested as the shape says, into out [element_count(shape)].
  void tensor(json::value& value, std::span<const std::int64_t> shape, JsonBody::NumberRule rule, double* out,
              const Place& place);
  // Appends to a column of the table that is a number or a text; a list of one is its element.
  void scalar(json::value& value, Rows& rows, std::size_t column, const Place& place);
  // A text or what b64 says; nothing where it is null.
  std::optional<std::string_view> text(json::value& value, const Place& place);
  // The value is no list, where one of this shape is wanted.
  [[noreturn]] void fail_list(json::value& value, std::span<const std::int64_t> shape,
                              const Place& place) const;

 private:
  void numbers(json::array& list, std::int64_t count, JsonBody::NumberRule rule, double* out,
               const Place& place);

  JsonBody& json_;
  Base64& base64_;
};

}  // namespace nn::inference
