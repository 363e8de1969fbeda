// The tensor stream, and the Arrow file, which the reader tells apart itself. Input that is
// mapped is used in place, other input is read into memory; both must say the same.
#include "format/arrow/stream.hpp"

#include "fuzz.hpp"

namespace {

std::optional<std::int64_t> rows_of(std::unique_ptr<nn::format::ByteInput> input, std::size_t size) {
  const nn::fuzz::Budget budget(size, 64 << 20);
  std::int64_t rows = 0;
  const bool accepted = nn::fuzz::accepts(
      [&] { rows = nn::fuzz::use_all(*nn::format::read_stream(std::move(input), {.max_frame = 1 << 20})); });
  return accepted ? std::optional(rows) : std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = nn::fuzz::as_input(data, size);
  const nn::fuzz::MemoryFile file(input);
  // Other decoders come first where it is compressed; and on a pipe a file has no footer yet.
  const bool same =
      nn::format::open_bytes(file.path())->mapped() != nullptr && !nn::format::looks_like_arrow_file(input);
  const auto in_memory = rows_of(nn::format::bytes_in_memory(input, "input"), size);
  const auto mapped = rows_of(nn::format::open_bytes(file.path()), size);
  if (same && mapped != in_memory) {
    nn::fuzz::broken_promise("a mapped input is read otherwise", "");
  }
  return 0;
}
