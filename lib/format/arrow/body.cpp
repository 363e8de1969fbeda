#include "format/arrow/body.hpp"

#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "Message_generated.h"
#include "base/error.hpp"

namespace nn::format {
namespace {

using Bytes = BodyReader::Bytes;

std::size_t bitmap_bytes(std::int64_t count) { return (static_cast<std::size_t>(count) + 7) / 8; }

[[noreturn]] void fail_length(std::size_t bytes, std::size_t promised) {
  fail_data("a compressed buffer has {} bytes, {} were promised", bytes, promised);
}

void decompress_zstd(Bytes from, std::span<std::byte> to) {
  const std::size_t n = ::ZSTD_decompress(to.data(), to.size(), from.data(), from.size());
  if (::ZSTD_isError(n) != 0) fail_data("a compressed buffer is corrupt: {}", ::ZSTD_getErrorName(n));
  if (n != to.size()) fail_length(n, to.size());
}

void decompress_lz4(Bytes from, std::span<std::byte> to) {
  LZ4F_dctx* context = nullptr;
  if (::LZ4F_isError(::LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) throw std::bad_alloc();
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> owner(context,
                                                                           ::LZ4F_freeDecompressionContext);
  std::size_t done = 0, used = 0, status = 1;
  while (status != 0) {
    std::size_t out = to.size() - done, in = from.size() - used;
    status = ::LZ4F_decompress(context, to.data() + done, &out, from.data() + used, &in, nullptr);
    if (::LZ4F_isError(status) != 0) {
      fail_data("a compressed buffer is corrupt: {}", ::LZ4F_getErrorName(status));
    }
    done += out;
    used += in;
    if (out == 0 && in == 0) break;
  }
  if (status != 0 || done != to.size()) fail_length(done, to.size());
}

}  // namespace

void DecodedBudget::take(std::uint64_t bytes) {
  if (bytes > limit_ - used_) {
    throw data_error("what it says takes more memory than the limit of {} bytes for a message", limit_)
        .advise("; {} times --max-frame", StreamLimits::decoded_frames);
  }
  used_ += bytes;
}

BodyReader::BodyReader(const arrow::RecordBatch& batch, const WireBody& body, const StreamLimits& limits,
                       DecodedBudget& budget, RowNames names)
    : batch_(batch),
      body_(body),
      limits_(limits),
      budget_(budget),
      names_(names),
      rows_(batch.length()),
      memory_(std::make_shared<Memory>()) {
  memory_->body = body.owner;
  // Columns take a bit a row at least; batches of columns that take nothing are held to the same.
  if (rows_ < 0 || static_cast<std::uint64_t>(rows_) / 8 > limits.max_frame) {
    fail_data("a batch of {} rows", rows_);
  }
}

std::string BodyReader::row_name(std::int64_t row) const {
  return fmt::format("{} {}", names_.what, names_.first + row);
}

std::int64_t BodyReader::node(std::int64_t length) {
  if (batch_.nodes() == nullptr || nodes_ >= batch_.nodes()->size()) {
    fail_data("the batch has too few columns");
  }
  const auto node = element_of<arrow::FieldNode>(*batch_.nodes(), nodes_++);
  if (length >= 0 && node.length() != length) {
    fail_data("{} values, expected {}", node.length(), length);
  }
  if (node.null_count() < 0 || node.null_count() > node.length()) {
    fail_data("{} missing values among {}", node.null_count(), node.length());
  }
  return node.null_count();
}

Bytes BodyReader::raw_buffer() {
  if (batch_.buffers() == nullptr || buffers_ >= batch_.buffers()->size()) {
    fail_data("the batch has too few buffers");
  }
  const auto buffer = element_of<arrow::Buffer>(*batch_.buffers(), buffers_++);
  const auto size = static_cast<std::int64_t>(body_.bytes.size());
  if (buffer.offset() < 0 || buffer.length() < 0 || buffer.offset() > size ||
      buffer.length() > size - buffer.offset()) {
    fail_data("a buffer of {} bytes at {} lies outside its body of {} bytes", buffer.length(),
              buffer.offset(), size);
  }
  given_out_ += static_cast<std::uint64_t>(buffer.length());
  if (given_out_ > body_.bytes.size()) fail_data("buffers that overlap in a body of {} bytes", size);
  return body_.bytes.subspan(static_cast<std::size_t>(buffer.offset()),
                             static_cast<std::size_t>(buffer.length()));
}

Bytes BodyReader::buffer() {
  const Bytes raw = raw_buffer();
  if (batch_.compression() == nullptr || raw.empty()) return raw;
  std::int64_t length = 0;
  if (raw.size() < sizeof length) fail_data("a compressed buffer of {} bytes", raw.size());
  std::memcpy(&length, raw.data(), sizeof length);
  const Bytes rest = raw.subspan(sizeof length);
  if (length == -1) return rest;
  if (length < 0) fail_data("a compressed buffer of {} bytes", length);
  if (static_cast<std::uint64_t>(length) > limits_.max_frame - decompressed_) {
    throw data_error("the batch decompressed is over the limit of {} bytes", limits_.max_frame)
        .advise(max_frame_advice);
  }
  decompressed_ += static_cast<std::uint64_t>(length);
  const std::span<std::byte> out = make(static_cast<std::size_t>(length));
  switch (batch_.compression()->codec()) {
    case arrow::CompressionType::LZ4_FRAME: decompress_lz4(rest, out); break;
    case arrow::CompressionType::ZSTD: decompress_zstd(rest, out); break;
    default:
      fail(ErrorKind::unsupported, "compressed in a way that cannot be read ({})",
           static_cast<int>(batch_.compression()->codec()));
  }
  return out;
}

const std::byte* BodyReader::values(std::int64_t count, std::size_t width, std::size_t to) {
  const Bytes bytes = buffer();
  if (static_cast<std::uint64_t>(count) > bytes.size() / width) {
    fail_data("{} bytes for {} values of {} bytes", bytes.size(), count, width);
  }
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % to == 0) return bytes.data();
  const auto copy = make(static_cast<std::size_t>(count) * width);
  std::memcpy(copy.data(), bytes.data(), copy.size());
  return copy.data();
}

const std::uint8_t* BodyReader::validity(std::int64_t missing, std::int64_t count) {
  const Bytes bits = buffer();
  if (missing == 0) return nullptr;
  if (bits.size() < bitmap_bytes(count)) {
    fail_data("{} bytes say which of {} values are missing", bits.size(), count);
  }
  return reinterpret_cast<const std::uint8_t*>(bits.data());
}

const std::byte* BodyReader::unpacked_bits(std::int64_t count) {
  const Bytes bits = buffer();
  if (bits.size() < bitmap_bytes(count)) fail_data("{} bytes for {} booleans", bits.size(), count);
  const auto out = make(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = bits[i >> 3] >> (i & 7) & std::byte{1};
  return out.data();
}

std::int64_t BodyReader::view_buffers() {
  const auto* counts = batch_.variadic_buffer_counts();
  if (counts == nullptr || views_ >= counts->size()) fail_data("the batch has too few counts of buffers");
  const auto count = element_of<std::int64_t>(*counts, views_++);
  const std::int64_t most = batch_.buffers() == nullptr ? 0 : batch_.buffers()->size();
  if (count < 0 || count > most) fail_data("{} buffers of text among {}", count, most);
  return count;
}

std::span<std::byte> BodyReader::make(std::size_t bytes) {
  budget_.take(bytes);
  return memory_->made.emplace_back(bytes).bytes();
}

const std::byte* BodyReader::zeros(std::size_t bytes) {
  if (zeros_.size() < bytes) {
    const auto made = make(bytes);
    std::fill(made.begin(), made.end(), std::byte{0});
    zeros_ = made;
  } else {
    charge(bytes);
  }
  return zeros_.data();
}

}  // namespace nn::format
