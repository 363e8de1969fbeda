// Record batches on the wire to columns. Internal to the stream reader.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "format/arrow/body.hpp"
#include "format/arrow/schema.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// The values of a dictionary as they stand now.
struct WireDictionary {
  std::shared_ptr<const Dictionary> texts;  // of categories
  std::vector<bool> missing;                // entries that are null; empty: none
  Field field;                              // of other values
  std::vector<std::byte> values;            // these, one after the other
  std::int64_t size = 0;
  std::uint64_t bytes = 0;  // of memory, roughly
};
using WireDictionaries = std::map<std::int64_t, WireDictionary>;

// The columns of a verified record batch that begins with row `first_row`, in the order of
// `schema`. Data errors say which column is wrong, where and how. Bodies are used in place where
// they are aligned and not compressed.
std::vector<Column> decode_batch(const arrow::RecordBatch& batch, std::int64_t first_row,
                                 const WireBody& body, const WireSchema& schema,
                                 const WireDictionaries& dictionaries, const StreamLimits& limits,
                                 DecodedBudget& budget);

// Takes in a dictionary's values: instead of what was there, or behind it when `delta`. `others` is what the
// stream's other dictionaries take. It takes time in proportion to the values, not to what was there.
void decode_dictionary(const arrow::RecordBatch& batch, const WireBody& body,
                       const WireSchema::Values& values, bool delta, std::uint64_t others,
                       WireDictionary& dictionary, const StreamLimits& limits, DecodedBudget& budget);

// The next column, of any layout but dictionary. Its owner is left to the caller.
Column decode_column(BodyReader& body, const WireColumn& wire);

// Texts of either width of offsets, or of views.
Column decode_texts(BodyReader& body, WireColumn::Layout layout);

// The next column: indices into `dictionary`. A category keeps the indices (in place where they
// are 32 bits wide); of other values, the values themselves.
Column decode_indices(BodyReader& body, const WireColumn& wire, const Field& field,
                      const WireDictionary& dictionary);

}  // namespace nn::format
