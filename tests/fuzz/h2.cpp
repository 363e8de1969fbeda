// A client of HTTP/2: these bytes behind its preface, in pieces, while answers come late, time passes and
// windows are small. What the server sends must be frames that can be read, and in the end nothing is under
// way any more.
#include "../unit/http/h2_fixture.hpp"
#include "fuzz.hpp"

using namespace nn;

namespace {

void complete(test::H2Fixture& at) {
  auto late = std::exchange(at.handler.late, {});
  for (const auto& exchange : late) {
    if (at.handler.is_stream(exchange->head())) exchange->send_message();
    exchange->send();
  }
  late.clear();
  at.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  const fuzz::Budget budget(size, 64 << 20);
  http::ServerLimits limits;
  limits.streams = 8;
  limits.pipelined = 2;
  limits.request_bytes = 1 << 18;
  limits.compress = choices.yes();
  test::H2Fixture at(limits);
  at.handler.limit = 1 << 16;
  at.handler.ends_gone = true;
  at.greet({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, choices.yes() ? 100 : 65535}});
  const std::size_t pieces = 1 + choices.of(4), drained = choices.of(8);
  const bool slow = choices.yes();
  const std::string_view bytes = fuzz::as_text(choices.rest());
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::size_t from = bytes.size() * i / pieces, to = bytes.size() * (i + 1) / pieces;
    at.say(bytes.substr(from, to - from));
    if (slow) at.advance(std::chrono::seconds(20), 2);
    if (i + 1 == drained && !at.thread.busy.empty()) at.thread.busy.front()->drain();
    if (i % 2 == 1) complete(at);
  }
  at.hang_up();
  at.run();
  complete(at);
  if (at.thread.under_way != 0 || at.memory.used() != 0 || at.is_open())
    fuzz::broken_promise("something is under way, and nobody is there", std::to_string(at.thread.under_way));
  return 0;
}
