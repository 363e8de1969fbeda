// Schemas on the wire and ours. Internal to the stream reader and writer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "format/arrow/quantity.hpp"
#include "tensor/batch.hpp"

namespace nn::arrow {
struct Schema;
}

namespace nn::format {

// The layout of a column in a record batch.
struct WireColumn {
  enum class Layout {
    scalars,  // numbers and booleans
    texts,
    large_texts,
    text_views,
    tensor,          // FixedSizeLists, nested or not, of numbers or booleans
    dictionary,      // indices of `type` into the dictionary `dictionary_id`
    nothing,         // Null: no buffers, every value is missing
    quantities,      // decimals, dates and times: f64, or i64 of whole ones
    quantity_texts,  // the same to the last digit: utf8
    skipped,         // a type that we don't compute with
  };
  Layout layout = Layout::scalars;
  DType type = DType::f32;  // of the elements or indices
  Quantity quantity;
  std::vector<std::int64_t> lists;  // tensor: sizes of its lists, outermost first
  std::int64_t dictionary_id = 0;
  std::size_t nodes = 0, buffers = 0, views = 0;  // skipped: what it takes, children included
};

struct WireSchema {
  std::shared_ptr<const Schema> schema;
  std::vector<WireColumn> columns;  // one a field
  // The values of each dictionary, by id: a column of its own, and the field it makes.
  struct Values {
    WireColumn column;
    Field field;
  };
  std::map<std::int64_t, Values> dictionaries;
};

// Data and unsupported errors name the field. `wire` has been verified, and is of the metadata
// version that `old_unions` tells: before V5, unions had validity bitmaps. Its message has `bytes` bytes:
// names and metadata of many times that, since fields refer to the same ones, are a data error.
// Keys that aren't Arrow's own are left out, unless they are to be kept.
WireSchema read_schema(const arrow::Schema& wire, bool old_unions, std::size_t bytes, bool keep_metadata);

// {"shape":[28,28]} of arrow.fixed_shape_tensor, and back. Takes linear time, and nothing longer than 64 KiB.
Shape parse_tensor_metadata(const std::string& json, const std::string& column);
std::string tensor_metadata(const Shape& shape);

}  // namespace nn::format
