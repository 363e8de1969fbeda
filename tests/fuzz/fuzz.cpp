#include "fuzz.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "../unit/thread_time.hpp"
#include "base/text.hpp"
#include "format/arrow/stream.hpp"
#include "format/sink.hpp"

namespace nn::fuzz {
namespace {

// Endless rows (a tensor of no elements takes no bytes) are right, and no use here.
constexpr std::int64_t most_rows = 10'000;
constexpr std::int64_t most_text = 1 << 20;  // values; as text they take seconds

// Each byte of input may take these. Sanitizers and a busy machine make everything slower.
constexpr std::size_t bytes_each = 64;
constexpr double seconds_each = 20e-6, seconds_constant = 2;

// Reads everything it is given, so that sanitizers see whether it may be read.
class ReadingOutput final : public format::ByteOutput {
 public:
  void write(std::span<struct iovec> pieces) override {
    for (const struct iovec& piece : pieces) {
      const auto* bytes = static_cast<const volatile unsigned char*>(piece.iov_base);
      for (std::size_t i = 0; i < piece.iov_len; ++i) (void)bytes[i];
    }
  }
};

}  // namespace

Budget::Budget(std::size_t input_bytes, std::size_t constant)
    : memory_(bytes_each * input_bytes + constant),
      seconds_(seconds_constant + seconds_each * static_cast<double>(input_bytes)),
      begin_(test::thread_seconds()) {}

Budget::~Budget() {
  const std::size_t most = allocated_.most();
  if (most > memory_) broken_promise("memory", fmt::format("{} bytes, {} are in order", most, memory_));
  const double seconds = test::thread_seconds() - begin_;
  if (seconds > seconds_) broken_promise("time", fmt::format("{} s, {} are in order", seconds, seconds_));
}

void broken_promise(std::string_view what, std::string_view detail) {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

void check_error(const Error& error) {
  const std::string_view message = error.what();
  if (error.kind() == ErrorKind::internal) broken_promise("an internal error", message);
  if (message.empty() || printable(message, message.size()) != message) {
    broken_promise("a message that is not printable", message);
  }
}

MemoryFile::MemoryFile(std::span<const std::byte> bytes) : fd_(::memfd_create("input", MFD_CLOEXEC)) {
  if (!fd_) fail_errno("memfd_create");
  write_all(fd_.get(), bytes, "input");
  path_ = fmt::format("/proc/self/fd/{}", fd_.get());
}

void use(const Batch& batch) {
  format::StreamWriter stream(std::make_unique<ReadingOutput>(), *batch.schema, {},
                              format::StreamWriter::Checksums::no);
  stream.write(batch);
  stream.finish();
  std::int64_t values = 0;
  for (const Field& field : batch.schema->fields) values += batch.rows * element_count(field.shape);
  if (values > most_text) return;
  OutputFile nowhere("/dev/null");
  const auto text = format::open_sink(format::OutputFormat::json, nowhere, *batch.schema);
  text->write(batch);
  text->finish();
}

std::int64_t use_all(BatchSource& source) {
  std::int64_t rows = 0;
  while (rows < most_rows) {
    const auto batch = source.next();
    if (!batch) break;
    if (batch->rows <= 0) broken_promise("a batch without rows", "");
    if (batch->columns.size() != batch->schema->fields.size()) broken_promise("columns without fields", "");
    rows += batch->rows;
    use(slice(*batch, 0, std::min(batch->rows, most_rows)));
  }
  return rows;
}

}  // namespace nn::fuzz
