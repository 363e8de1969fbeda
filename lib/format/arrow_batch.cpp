#include "format/arrow_batch.hpp"

#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "Message_generated.h"
#include "base/error.hpp"
#include "base/parse.hpp"

namespace nn {
namespace {

using Layout = WireColumn::Layout;
using Bytes = std::span<const std::byte>;

constexpr std::int64_t most_rows = std::int64_t{1} << 40;

// Memory that a batch's columns share: the body, and what had to be made anew.
struct BatchMemory {
  std::shared_ptr<const void> body;
  std::vector<Buffer> made;
  std::vector<std::shared_ptr<const void>> shared;
};

void decompress(arrow::CompressionType codec, Bytes from, std::span<std::byte> to) {
  if (codec == arrow::CompressionType::ZSTD) {
    const std::size_t n = ::ZSTD_decompress(to.data(), to.size(), from.data(), from.size());
    if (::ZSTD_isError(n) != 0) fail_data("a compressed buffer is corrupt: {}", ::ZSTD_getErrorName(n));
    if (n != to.size()) fail_data("a compressed buffer has {} bytes, {} were promised", n, to.size());
    return;
  }
  LZ4F_dctx* context = nullptr;
  if (::LZ4F_isError(::LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) throw std::bad_alloc();
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> owner(context,
                                                                           ::LZ4F_freeDecompressionContext);
  std::size_t done = 0, used = 0, status = 1;
  while (status != 0) {
    std::size_t out = to.size() - done, in = from.size() - used;
    status = ::LZ4F_decompress(context, to.data() + done, &out, from.data() + used, &in, nullptr);
    if (::LZ4F_isError(status) != 0)
      fail_data("a compressed buffer is corrupt: {}", ::LZ4F_getErrorName(status));
    done += out;
    used += in;
    if (out == 0 && in == 0) break;
  }
  if (status != 0 || done != to.size())
    fail_data("a compressed buffer has {} bytes, {} were promised", done, to.size());
}

class Decoder {
 public:
  Decoder(const arrow::RecordBatch& batch, const WireBody& body, const StreamLimits& limits)
      : batch_(batch), body_(body), limits_(limits), memory_(std::make_shared<BatchMemory>()) {
    memory_->body = body.owner;
    if (batch.length() < 0 || batch.length() > most_rows) fail_data("a batch of {} rows", batch.length());
    if (batch.nodes() == nullptr || batch.buffers() == nullptr) {
      if (batch.length() > 0) fail_data("a batch without columns but with {} rows", batch.length());
    }
  }

  std::int64_t rows() const { return batch_.length(); }

  Column column(const WireColumn& wire, const Field& field, const WireDictionaries* dictionaries) {
    Column out;
    switch (wire.layout) {
      case Layout::skipped: skip(wire); break;
      case Layout::nothing: out = nothing(); break;
      case Layout::numbers: out = numbers(wire); break;
      case Layout::booleans: out = booleans(rows()); break;
      case Layout::tensor: out = tensor(wire); break;
      case Layout::texts: out = texts<std::int32_t>(); break;
      case Layout::large_texts: out = texts<std::int64_t>(); break;
      case Layout::text_views: out = views(); break;
      case Layout::dictionary: out = dictionary(wire, field, *dictionaries); break;
    }
    out.owner = memory_;
    return out;
  }

 private:
  // ---- the lists of a record batch, consumed in order

  std::int64_t node(std::int64_t expected) {
    if (batch_.nodes() == nullptr || nodes_ >= batch_.nodes()->size())
      fail_data("the batch has too few columns");
    const arrow::FieldNode& node = *batch_.nodes()->Get(nodes_++);
    if (expected >= 0 && node.length() != expected)
      fail_data("{} values, expected {}", node.length(), expected);
    if (node.null_count() < 0 || node.null_count() > node.length()) {
      fail_data("{} missing values among {}", node.null_count(), node.length());
    }
    return node.null_count();
  }

  Bytes raw_buffer() {
    if (batch_.buffers() == nullptr || buffers_ >= batch_.buffers()->size())
      fail_data("the batch has too few buffers");
    const arrow::Buffer& buffer = *batch_.buffers()->Get(buffers_++);
    const auto size = static_cast<std::int64_t>(body_.bytes.size());
    if (buffer.offset() < 0 || buffer.length() < 0 || buffer.offset() > size ||
        buffer.length() > size - buffer.offset()) {
      fail_data("a buffer at {} of {} bytes lies outside its body of {} bytes", buffer.offset(),
                buffer.length(), size);
    }
    return body_.bytes.subspan(static_cast<std::size_t>(buffer.offset()),
                               static_cast<std::size_t>(buffer.length()));
  }

  Bytes buffer() {
    const Bytes raw = raw_buffer();
    if (batch_.compression() == nullptr || raw.empty()) return raw;
    std::int64_t length = 0;
    if (raw.size() < sizeof length) fail_data("a compressed buffer of {} bytes", raw.size());
    std::memcpy(&length, raw.data(), sizeof length);
    const Bytes rest = raw.subspan(sizeof length);
    if (length == -1) return rest;
    made_ += static_cast<std::uint64_t>(std::max<std::int64_t>(length, 0));
    if (length < 0 || made_ > limits_.max_frame) {
      fail_data("a batch of more than {} bytes when decompressed; a larger --max-frame allows it",
                limits_.max_frame);
    }
    const std::span<std::byte> out = make(static_cast<std::size_t>(length));
    decompress(batch_.compression()->codec(), rest, out);
    return out;
  }

  std::span<std::byte> make(std::size_t bytes) {
    Buffer& made = memory_->made.emplace_back(bytes);
    return made.bytes().first(bytes);
  }

  // `count` elements of `width` bytes, aligned to their width.
  const std::byte* values(std::int64_t count, std::size_t width) {
    const Bytes bytes = buffer();
    if (static_cast<std::uint64_t>(count) > bytes.size() / width) {
      fail_data("{} bytes for {} values of {} bytes", bytes.size(), count, width);
    }
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % width == 0) return bytes.data();
    const auto copy = make(static_cast<std::size_t>(count) * width);
    std::memcpy(copy.data(), bytes.data(), copy.size());
    return copy.data();
  }

  const std::uint8_t* validity(std::int64_t missing, std::int64_t count) {
    const Bytes bits = buffer();
    if (missing == 0) return nullptr;
    if (bits.size() < static_cast<std::size_t>((count + 7) / 8)) {
      fail_data("{} bytes say which of {} values are missing", bits.size(), count);
    }
    return reinterpret_cast<const std::uint8_t*>(bits.data());
  }

  // ---- layouts

  void skip(const WireColumn& wire) {
    for (std::size_t i = 0; i < wire.nodes; ++i) node(-1);
    for (std::size_t i = 0; i < wire.buffers; ++i) raw_buffer();
    for (std::size_t i = 0; i < wire.views; ++i) {
      for (std::int64_t n = view_buffers(); n > 0; --n) raw_buffer();
    }
  }

  Column nothing() {
    node(rows());
    Column out;
    out.data = zeros(static_cast<std::size_t>(rows()) * sizeof(double));
    out.validity = reinterpret_cast<const std::uint8_t*>(zeros(static_cast<std::size_t>(rows() + 7) / 8));
    return out;
  }

  const std::byte* zeros(std::size_t bytes) {
    if (bytes > limits_.max_frame) fail_data("{} missing values in one batch", rows());
    const auto made = make(bytes);
    std::fill(made.begin(), made.end(), std::byte{0});
    return made.data();
  }

  Column numbers(const WireColumn& wire) {
    Column out;
    const std::int64_t missing = node(rows());
    out.validity = validity(missing, rows());
    out.data = values(rows(), size_of(wire.type));
    return out;
  }

  const std::byte* unpacked(std::int64_t count) {
    const Bytes bits = buffer();
    if (bits.size() < static_cast<std::size_t>((count + 7) / 8)) {
      fail_data("{} bytes for {} booleans", bits.size(), count);
    }
    const auto out = make(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = bits[i >> 3] >> (i & 7) & std::byte{1};
    return out.data();
  }

  Column booleans(std::int64_t count) {
    Column out;
    const std::int64_t missing = node(count);
    out.validity = validity(missing, count);
    out.data = unpacked(count);
    return out;
  }

  Column tensor(const WireColumn& wire) {
    Column out;
    const std::int64_t missing = node(rows());
    out.validity = validity(missing, rows());
    if (rows() > std::numeric_limits<std::int64_t>::max() / 8 / wire.elements)
      fail_data("a tensor column too large");
    const std::int64_t count = rows() * wire.elements;
    const std::int64_t missing_elements = node(count);
    const std::uint8_t* present = validity(missing_elements, count);
    if (present != nullptr) refuse_holes(out, present, wire.elements);
    out.data = wire.type == DType::boolean ? unpacked(count) : values(count, size_of(wire.type));
    return out;
  }

  // Elements may only be missing where the whole row is.
  void refuse_holes(const Column& column, const std::uint8_t* present, std::int64_t elements) const {
    for (std::int64_t r = 0; r < rows(); ++r) {
      if (!column.valid(r)) continue;
      for (std::int64_t i = r * elements; i < (r + 1) * elements; ++i) {
        if ((present[i >> 3] >> (i & 7) & 1) == 0) {
          fail_data("row {} of the batch: element {} of the tensor is missing", r, i - r * elements);
        }
      }
    }
  }

  template <typename Offset>
  Column texts() {
    Column out;
    const std::int64_t missing = node(rows());
    out.validity = validity(missing, rows());
    if (rows() == 0) return empty_texts(out);
    const auto* offsets = reinterpret_cast<const Offset*>(values(rows() + 1, sizeof(Offset)));
    const Bytes text = buffer();
    const auto size = static_cast<std::int64_t>(text.size());
    for (std::int64_t r = 0; r < rows(); ++r) {
      if (offsets[r] < 0 || offsets[r] > offsets[r + 1])
        fail_data("the offsets of its texts are not in order");
    }
    if (offsets[rows()] > size || size > std::numeric_limits<std::int32_t>::max()) {
      fail_data("a text ends at {} in {} bytes", offsets[rows()], size);
    }
    out.data = text.data();
    if constexpr (sizeof(Offset) == sizeof(std::int32_t)) {
      out.offsets = offsets;
    } else {
      const auto narrow = make(static_cast<std::size_t>(rows() + 1) * sizeof(std::int32_t));
      auto* to = reinterpret_cast<std::int32_t*>(narrow.data());
      for (std::int64_t r = 0; r <= rows(); ++r) to[r] = static_cast<std::int32_t>(offsets[r]);
      out.offsets = to;
    }
    return out;
  }

  Column empty_texts(Column out) {
    static constexpr std::int32_t none[1] = {0};
    buffer();
    buffer();
    out.offsets = none;
    out.data = reinterpret_cast<const std::byte*>(none);
    return out;
  }

  std::int64_t view_buffers() {
    const auto* counts = batch_.variadic_buffer_counts();
    if (counts == nullptr || views_ >= counts->size())
      fail_data("the batch has too few counts of text buffers");
    const std::int64_t count = counts->Get(views_++);
    if (count < 0 || count > static_cast<std::int64_t>(batch_.buffers()->size()))
      fail_data("{} text buffers", count);
    return count;
  }

  // 16 bytes a text: its length, then up to 12 bytes of it, or prefix, buffer and offset.
  struct View {
    std::int32_t length;
    char prefix[4];
    std::int32_t buffer, offset;
  };

  Column views() {
    Column out;
    const std::int64_t missing = node(rows());
    out.validity = validity(missing, rows());
    const auto* views = reinterpret_cast<const View*>(values(rows(), sizeof(View)));
    std::vector<Bytes> texts;
    for (std::int64_t n = view_buffers(); n > 0; --n) texts.push_back(buffer());
    const auto at = [&](std::int64_t r) -> Bytes {
      const View& view = views[r];
      if (!out.valid(r)) return {};
      if (view.length < 0) fail_data("row {} of the batch: a text of {} bytes", r, view.length);
      const auto length = static_cast<std::size_t>(view.length);
      if (length <= 12) return {reinterpret_cast<const std::byte*>(&view) + 4, length};
      if (view.buffer < 0 || view.offset < 0 || static_cast<std::size_t>(view.buffer) >= texts.size()) {
        fail_data("row {} of the batch: a text in buffer {}", r, view.buffer);
      }
      const Bytes text = texts[static_cast<std::size_t>(view.buffer)];
      if (static_cast<std::size_t>(view.offset) > text.size() ||
          length > text.size() - static_cast<std::size_t>(view.offset)) {
        fail_data("row {} of the batch: a text outside its buffer", r);
      }
      return text.subspan(static_cast<std::size_t>(view.offset), length);
    };
    std::size_t total = 0;
    for (std::int64_t r = 0; r < rows(); ++r) {
      total += at(r).size();
      if (total > limits_.max_frame)
        fail_data("more than {} bytes of text; a larger --max-frame allows it", limits_.max_frame);
    }
    const auto bytes = make(total);
    const auto offset_bytes = make(static_cast<std::size_t>(rows() + 1) * sizeof(std::int32_t));
    auto* offsets = reinterpret_cast<std::int32_t*>(offset_bytes.data());
    std::size_t done = 0;
    for (std::int64_t r = 0; r < rows(); ++r) {
      offsets[r] = static_cast<std::int32_t>(done);
      const Bytes text = at(r);
      std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(done));
      done += text.size();
    }
    offsets[rows()] = static_cast<std::int32_t>(done);
    out.data = bytes.data();
    out.offsets = offsets;
    return out;
  }

  // ---- dictionaries

  Column dictionary(const WireColumn& wire, const Field& field, const WireDictionaries& dictionaries) {
    Column indices = numbers(wire);
    const auto found = dictionaries.find(wire.dictionary_id);
    if (found == dictionaries.end()) {
      if (rows() > 0) fail_data("its dictionary has not come");
      static const WireDictionary none;
      return with_dictionary(indices, wire, field, none);
    }
    return with_dictionary(indices, wire, field, found->second);
  }

  // The index of a present row, checked; -1 where the row or the entry is missing.
  std::int32_t index_at(const Column& indices, DType type, std::int64_t r,
                        const WireDictionary& dictionary) const {
    if (!indices.valid(r)) return -1;
    const double index = number_at(type, indices.data, r);
    if (!(index >= 0 && index < static_cast<double>(dictionary.size))) {
      fail_data("row {} of the batch: index {} into a dictionary of {} values", r, index, dictionary.size);
    }
    const auto i = static_cast<std::size_t>(index);
    return !dictionary.missing.empty() && dictionary.missing[i] ? -1 : static_cast<std::int32_t>(i);
  }

  Column with_dictionary(const Column& indices, const WireColumn& wire, const Field& field,
                         const WireDictionary& dictionary) {
    Column out = indices;
    const auto converted = make(static_cast<std::size_t>(rows()) * sizeof(std::int32_t));
    auto* to = reinterpret_cast<std::int32_t*>(converted.data());
    bool missing = false;
    for (std::int64_t r = 0; r < rows(); ++r) {
      to[r] = index_at(indices, wire.type, r, dictionary);
      missing = missing || to[r] < 0;
    }
    out.validity = nullptr;
    if (missing) {
      const auto bits = make(static_cast<std::size_t>(rows() + 7) / 8);
      std::fill(bits.begin(), bits.end(), std::byte{0});
      for (std::int64_t r = 0; r < rows(); ++r) {
        if (to[r] >= 0) bits[static_cast<std::size_t>(r >> 3)] |= std::byte{1} << (r & 7);
        if (to[r] < 0) to[r] = 0;
      }
      out.validity = reinterpret_cast<const std::uint8_t*>(bits.data());
    }
    out.data = converted.data();
    if (field.type == DType::category) {
      out.dictionary = dictionary.texts != nullptr ? dictionary.texts : std::make_shared<Dictionary>();
      return out;
    }
    return looked_up(out, to, dictionary);
  }

  // Dictionaries of numbers: the values take the indices' place.
  Column looked_up(Column out, const std::int32_t* indices, const WireDictionary& dictionary) {
    const std::size_t width = size_of(dictionary.field.type);
    const auto looked = make(static_cast<std::size_t>(rows()) * width);
    for (std::int64_t r = 0; r < rows(); ++r) {
      std::byte* to = looked.data() + static_cast<std::size_t>(r) * width;
      if (out.valid(r)) {
        std::memcpy(to, dictionary.values.data + static_cast<std::size_t>(indices[r]) * width, width);
      } else {
        std::memset(to, 0, width);
      }
    }
    out.data = looked.data();
    return out;
  }

  const arrow::RecordBatch& batch_;
  const WireBody& body_;
  const StreamLimits& limits_;
  std::shared_ptr<BatchMemory> memory_;
  flatbuffers::uoffset_t nodes_ = 0, buffers_ = 0, views_ = 0;
  std::uint64_t made_ = 0;  // bytes out of decompression
};

}  // namespace

std::vector<Column> decode_batch(const arrow::RecordBatch& batch, const WireBody& body,
                                 const WireSchema& schema, const WireDictionaries& dictionaries,
                                 const StreamLimits& limits) {
  Decoder decoder(batch, body, limits);
  std::vector<Column> columns;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const Field& field = schema.schema->fields[i];
    try {
      columns.push_back(decoder.column(schema.columns[i], field, &dictionaries));
    } catch (const Error& error) {
      throw error.within(fmt::format("column '{}'", printable(field.name)));
    }
  }
  return columns;
}

void decode_dictionary(const arrow::RecordBatch& batch, const WireBody& body,
                       const WireSchema::Values& values, bool delta, WireDictionary& dictionary,
                       const StreamLimits& limits) {
  Decoder decoder(batch, body, limits);
  const Column column = decoder.column(values.column, values.field, nullptr);
  const std::int64_t rows = decoder.rows();
  if (!delta) dictionary = {};
  dictionary.field = values.field;
  if (dictionary.size + rows > std::numeric_limits<std::int32_t>::max()) fail_data("a dictionary too large");
  const auto first = static_cast<std::size_t>(dictionary.size);
  if (column.validity != nullptr) {
    dictionary.missing.resize(first + static_cast<std::size_t>(rows));
    for (std::int64_t r = 0; r < rows; ++r)
      dictionary.missing[first + static_cast<std::size_t>(r)] = !column.valid(r);
  } else if (!dictionary.missing.empty()) {
    dictionary.missing.resize(first + static_cast<std::size_t>(rows));
  }
  if (values.field.type == DType::utf8) {
    // Batches that were given out keep the old one.
    auto texts =
        dictionary.texts ? std::make_shared<Dictionary>(*dictionary.texts) : std::make_shared<Dictionary>();
    for (std::int64_t r = 0; r < rows; ++r)
      texts->append(column.valid(r) ? column.text(r) : std::string_view());
    dictionary.texts = std::move(texts);
  } else if (delta && dictionary.size > 0) {
    const std::size_t width = size_of(values.field.type);
    Buffer joined((first + static_cast<std::size_t>(rows)) * width);
    std::memcpy(joined.data(), dictionary.values.data, first * width);
    std::memcpy(joined.data() + first * width, column.data, static_cast<std::size_t>(rows) * width);
    dictionary.values = make_column(std::move(joined));
  } else {
    dictionary.values = column;
  }
  dictionary.size += rows;
}

}  // namespace nn
