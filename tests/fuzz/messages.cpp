// Bodies of frames: the input is cut into the pieces that a connection would bring.
#include "format/arrow/messages.hpp"

#include <algorithm>
#include <optional>

#include "fuzz.hpp"

namespace {

nn::format::MessageBuffer message_of_bytes(std::span<const std::byte> bytes) {
  auto memory = std::make_shared<nn::Buffer>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), memory->data());
  return {std::move(memory), bytes.size()};
}

constexpr nn::format::StreamLimits limits{.max_frame = 1 << 20};

}  // namespace

// The first two bytes say how long the first piece is; the rest is the second.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nn::fuzz::Choices choices(nn::fuzz::as_input(data, size));
  const std::size_t low = choices.of(256);
  const std::size_t high = choices.of(256);  // taken before what is left is asked for
  const std::size_t cut = std::min(low + 256 * high, choices.rest().size());
  nn::format::MessageReader reader("input", limits);
  nn::fuzz::accepts([&] {
    for (const auto part : {choices.rest().first(cut), choices.rest().subspan(cut)}) {
      const auto message = message_of_bytes(part);
      nn::fuzz::accepts([&] { (void)nn::format::decoded_size(message, limits); });
      std::optional<nn::Batch> batch;
      {
        const nn::fuzz::Budget budget(part.size(), 3 * limits.decoded());
        batch = reader.read(message);
      }
      if (batch) nn::fuzz::use(*batch);
    }
  });
  return 0;
}
