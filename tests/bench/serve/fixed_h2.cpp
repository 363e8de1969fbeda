// The peer of nn-serve's benches of gRPC: a plain server of libnghttp2 and Asio, in one thread, that answers
// every request with the same message. `bench-fixed-h2 SIZE [PORT]` prints its port and runs until it is
// killed.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const std::string& answer) : socket_(std::move(socket)), answer_(answer) {
    socket_.set_option(tcp::no_delay(true));
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          const bool whole = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
          if (whole && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
            static_cast<Session*>(user)->answer(frame->hd.stream_id);
          return 0;
        });
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry entries[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 256},
                                              {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries, 2);
  }
  ~Session() { nghttp2_session_del(session_); }

  void write() {
    out_.clear();
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
      out_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    if (out_.empty()) return read();
    asio::async_write(socket_, asio::buffer(out_),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

 private:
  void read() {
    socket_.async_read_some(
        asio::buffer(in_), [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
          if (error || nghttp2_session_mem_recv(self->session_, self->in_.data(), size) < 0) return;
          self->write();
        });
  }

  void answer(std::int32_t stream) {
    const nghttp2_nv fields[] = {field(":status", "200"), field("content-type", "application/grpc")};
    nghttp2_data_provider provider{};
    provider.read_callback = [](nghttp2_session* session, std::int32_t id, std::uint8_t* out,
                                std::size_t size, std::uint32_t* flags, nghttp2_data_source*, void* user) {
      const std::string& answer = static_cast<Session*>(user)->answer_;
      // How far it has got is kept as the stream's pointer.
      const auto at = reinterpret_cast<std::uintptr_t>(nghttp2_session_get_stream_user_data(session, id));
      const std::size_t part = std::min(size, answer.size() - at);
      std::memcpy(out, answer.data() + at, part);
      nghttp2_session_set_stream_user_data(session, id, reinterpret_cast<void*>(at + part));
      if (at + part < answer.size()) return static_cast<ssize_t>(part);
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const nghttp2_nv trailer = field("grpc-status", "0");
      nghttp2_submit_trailer(session, id, &trailer, 1);
      return static_cast<ssize_t>(part);
    };
    nghttp2_submit_response(session_, stream, fields, 2, &provider);
  }

  tcp::socket socket_;
  const std::string& answer_;
  nghttp2_session* session_ = nullptr;
  std::array<std::uint8_t, 65536> in_;
  std::string out_;
};

void accept(tcp::acceptor& acceptor, const std::string& answer) {
  acceptor.async_accept([&](boost::system::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket), answer)->write();
    accept(acceptor, answer);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: bench-fixed-h2 SIZE [PORT]\n", stderr);
    return 2;
  }
  const std::size_t size = std::strtoul(argv[1], nullptr, 10);
  std::string answer(1, '\0');
  for (const int shift : {24, 16, 8, 0}) answer += static_cast<char>(size >> shift & 0xff);
  answer.append(size, 'x');
  const auto port = static_cast<unsigned short>(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0);
  asio::io_context io{1};
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  std::printf("%u\n", static_cast<unsigned>(acceptor.local_endpoint().port()));
  std::fflush(stdout);
  accept(acceptor, answer);
  io.run();
}
