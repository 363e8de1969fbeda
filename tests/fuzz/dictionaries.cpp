// Frames of messages that ask for much: dictionaries, replaced and grown by deltas, compressed bodies,
// buffers that overlap, rows without bytes. Each byte of the input chooses a message or a figure of one;
// memory and time are limited by the frames' bytes and the reader's budgets.
#include <optional>
#include <vector>

#include "../unit/format/wire_messages.hpp"
#include "fuzz.hpp"

using namespace nn;
using test::WireMessages;

namespace {

constexpr format::StreamLimits limits{.max_frame = 1 << 16};  // 256 KiB decoded

using Places = std::vector<std::pair<std::int64_t, std::int64_t>>;

std::int64_t power(fuzz::Choices& choices, std::size_t largest) {
  return std::int64_t{1} << choices.of(largest + 1);
}

void add_schema(fuzz::Choices& choices, WireMessages& frame) {
  frame.schema([&](auto& fbb) {
    std::vector<flatbuffers::Offset<arrow::Field>> fields;
    for (std::size_t n = choices.of(5); n > 0; --n) {
      switch (choices.of(4)) {
        case 0: fields.push_back(WireMessages::texts(fbb)); break;
        case 1: fields.push_back(WireMessages::floats(fbb)); break;
        case 2: fields.push_back(WireMessages::booleans(fbb)); break;
        default: fields.push_back(WireMessages::nothing(fbb)); break;
      }
    }
    return fields;
  });
}

// Of one delta the texts are there, of another they lie where other buffers do.
void add_dictionary(fuzz::Choices& choices, WireMessages& frame) {
  const bool delta = choices.yes();
  const std::int64_t count = power(choices, 14);
  if (choices.yes()) {
    frame.empty_texts(delta, count);
  } else {
    const std::int64_t bytes = power(choices, 12);
    frame.dictionary(delta, count, {{0, 0}, {0, bytes}, {power(choices, 12), bytes}},
                     std::string(static_cast<std::size_t>(2 * bytes), '\0'));
  }
}

void add_rows(fuzz::Choices& choices, WireMessages& frame) {
  const std::int64_t rows = power(choices, 20);
  const std::size_t columns = choices.of(5);
  const bool compressed = choices.yes();
  const std::string body = compressed
                               ? WireMessages::zstd_of_zeros(static_cast<std::size_t>(power(choices, 17)))
                               : std::string(static_cast<std::size_t>(power(choices, 12)), '\0');
  Places buffers;
  for (std::size_t i = 0; i < 2 * columns; ++i) {
    const auto length = static_cast<std::int64_t>(body.size()) >> choices.of(4);
    buffers.emplace_back(choices.yes() ? 0 : static_cast<std::int64_t>(i) * length,
                         choices.yes() ? length : 0);
  }
  frame.rows(rows, std::vector<std::int64_t>(columns, rows), buffers, body, compressed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, std::min<std::size_t>(size, 512)));
  format::MessageReader reader("input", limits);
  WireMessages frame;
  add_schema(choices, frame);
  std::vector<Batch> kept;  // as of requests under way
  const auto read = [&] {
    const format::MessageBuffer buffer = frame.buffer();
    frame.bytes.clear();
    std::optional<Batch> batch;
    const bool accepted = fuzz::accepts([&] {
      const fuzz::Budget budget(buffer.size, 4 * limits.decoded());
      (void)format::decoded_size(buffer, limits);
      batch = reader.read(buffer);
    });
    if (batch) fuzz::use(kept.emplace_back(std::move(*batch)));
    if (kept.size() > 8) kept.clear();
    return accepted;
  };
  while (!choices.rest().empty()) {
    switch (choices.of(8)) {
      case 0: add_schema(choices, frame); break;
      case 1:
      case 2:
      case 3: add_dictionary(choices, frame); break;
      case 4:
      case 5: add_rows(choices, frame); break;
      default:
        if (!read()) return 0;  // a stream can't be read on after an error
    }
  }
  read();
  return 0;
}
