// Record batches on the wire to columns. Internal to the stream reader.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "format/arrow_schema.hpp"
#include "format/stream.hpp"
#include "tensor/batch.hpp"

namespace nn::arrow {
struct RecordBatch;
}

namespace nn {

// The values of a dictionary as they stand now.
struct WireDictionary {
  std::shared_ptr<Dictionary> texts;  // of categories
  std::vector<bool> missing;          // entries that are null; empty: none
  Field field;                        // of other values: a column
  Column values;
  std::int64_t size = 0;
};
using WireDictionaries = std::map<std::int64_t, WireDictionary>;

// A message's body, with a share in its memory.
struct WireBody {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

// The columns of a verified record batch, in the order of `schema`. Data errors say which
// column is wrong and how. Bodies are used in place where they are aligned and not compressed.
std::vector<Column> decode_batch(const arrow::RecordBatch& batch, const WireBody& body,
                                 const WireSchema& schema, const WireDictionaries& dictionaries,
                                 const StreamLimits& limits);

// Takes in a dictionary's values: instead of what was there, or behind it when `delta`.
void decode_dictionary(const arrow::RecordBatch& batch, const WireBody& body,
                       const WireSchema::Values& values, bool delta, WireDictionary& dictionary,
                       const StreamLimits& limits);

}  // namespace nn
