// What a connection brings, up to its end: frames of the protocol, and their bodies.
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>

#include "../unit/protocol/checksums.hpp"
#include "fuzz.hpp"
#include "protocol/frame.hpp"

using namespace nn;

namespace {

constexpr std::uint64_t max_frame = 1 << 20;
constexpr format::StreamLimits limits{.max_frame = max_frame};

std::size_t use(const flatbuffers::String* text) { return text == nullptr ? 0 : text->str().size(); }
std::size_t use(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
  std::size_t size = 0;
  for (flatbuffers::uoffset_t i = 0; texts != nullptr && i < texts->size(); ++i) size += use(texts->Get(i));
  return size;
}

// The messages that hold more than numbers.
void use(const protocol::IncomingFrame& in) {
  if (const auto* m = in.as<wire::Hello>()) use(m->agent()), use(m->token()), use(m->capabilities());
  if (const auto* m = in.as<wire::Welcome>()) use(m->agent()), use(m->device()), use(m->capabilities());
  if (const auto* m = in.as<wire::Open>()) use(m->model());
  if (const auto* m = in.as<wire::Opened>()) use(m->digest());
  if (const auto* m = in.as<wire::Load>()) use(m->model());
  if (const auto* m = in.as<wire::Unload>()) use(m->model());
  if (const auto* m = in.as<wire::Failed>()) use(m->message());
  if (const auto* m = in.as<wire::Train>()) use(m->job()), use(m->arguments());
}

asio::awaitable<void> read_all(std::shared_ptr<protocol::FrameLink> link) {
  format::MessageReader rows("input", limits);
  try {
    protocol::IncomingFrame in;
    while (co_await link->read(in)) {
      use(in);
      std::optional<Batch> batch;
      {
        const fuzz::Budget budget(in.body.size, 3 * limits.decoded());
        batch = rows.read(in.body);
      }
      if (batch) fuzz::use(*batch);
    }
  } catch (const Error& error) {
    fuzz::check_error(error);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = test::with_checksums(std::string(fuzz::as_text(fuzz::as_input(data, size))));
  const fuzz::Budget budget(size, 16 << 20);  // all of it together, what is looked at included
  auto [writer, reader] = socket_pair();
  // More than the socket takes is more than is of use.
  if (::send(writer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && size > 0) return 0;
  writer.reset();
  asio::io_context io(1);
  asio::co_spawn(
      io,
      read_all(std::make_shared<protocol::FrameLink>(net::adopt_socket(io, std::move(reader)), max_frame)),
      [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
      });
  io.run();
  return 0;
}
