// A stream of HTTP/2: a request, and its answer. Internal to the HTTP/2 side of this module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/connection.hpp"
#include "http/exchange.hpp"
#include "http/grpc_wire.hpp"
#include "http/request_body.hpp"
#include "http/request_parser.hpp"

namespace nn::http {

class H2Session;

// Its memory is used again for other requests of its connection. A session works on its parts; handlers see
// an Exchange.
class H2Stream final : public Exchange {
 public:
  explicit H2Stream(ThreadContext& thread) : thread_(thread) {}

  const Head& head() const override { return head_; }
  const Peer& peer() const override { return *peer_; }
  std::string_view body() const override { return body_.view(); }
  std::uint64_t bytes_in() const override { return bytes_in_; }
  std::uint64_t bytes_out() const override { return bytes_out_; }
  void send() override;
  void send_message() override;
  bool hold(std::uint64_t bytes) override { return thread_.memory.take(bytes); }
  void give_back(std::uint64_t bytes) override { thread_.memory.give_back(bytes); }
  bool gone() const override { return gone_; }

 private:
  friend class H2Session;
  friend struct H2Callbacks;

  // Begins as another request's; the Work stays.
  void reset(H2Session& session, std::int32_t id, Clock::time_point now);
  void add_pseudo(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::string_view value);
  // Views of Head into what came; after the last field.
  void finish_head();
  // The handler's done(), once.
  void tell_done(bool sent);
  // Completed, and no stream any more.
  void finish();
  // Bytes of the answer that were not sent yet.
  std::size_t unsent() const;
  // The next of them: a piece that lies in memory as one.
  std::string_view next_piece() const;
  void advance(std::size_t bytes);

  ThreadContext& thread_;
  std::shared_ptr<const Peer> peer_;
  H2Session* session_ = nullptr;  // null when its thread has ended
  std::int32_t id_ = 0;
  std::size_t place_ = 0;  // in the session's list

  Head head_;
  std::string method_, target_;
  std::size_t head_bytes_ = 0;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;

  bool two_hosts_ = false;  // :authority says one, and the field host another

  // What the request says about its body.
  Demands demands_;  // of REST
  GrpcEncoding encoding_ = GrpcEncoding::identity;
  bool streaming_ = false;     // messages come one by one
  std::uint64_t limit_ = 0;    // of the body, or of a message
  GrpcPrefix prefix_;          // of the message that is coming
  std::uint64_t missing_ = 0;  // bytes of it
  RequestBody body_;
  std::uint64_t received_ = 0;    // bytes of it so far
  Clock::time_point body_until_;  // then what comes of it comes too slowly
  RequestBody held_;              // came while the stream is paused: not looked at
  std::int64_t unanswered_ = 0;   // messages

  bool known_ = false;       // the handler has seen it, and isn't done with it
  bool handed_ = false;      // and works on it: it will complete it
  bool discarding_ = false;  // what comes is not wanted any more
  bool paused_ = false;      // so many messages wait for their answers that no more are taken
  bool all_in_ = false;      // the client has sent its last byte
  bool half_told_ = false;   // and the handler of a stream was told so
  bool answered_ = false;    // the handler has completed it
  bool closed_ = false;      // there is no such stream any more
  bool gone_ = false;        // the handler was told that nobody waits
  bool spoiled_ = false;     // the handler may complete it late: it is used no more

  // The answer on its way.
  bool final_ = false;      // nothing will be added but its end
  bool head_sent_ = false;  // to libnghttp2
  bool deferred_ = false;   // libnghttp2 waits until there is more
  bool end_sent_ = false;
  bool with_body_ = false;
  bool compressed_ = false;  // it is in queue_
  std::size_t sent_ = 0;     // bytes of prefix and body, or of queue_
  std::array<char, grpc_prefix_bytes> answer_prefix_{};
  std::size_t answer_prefix_size_ = 0;
  std::string queue_;  // messages of a stream with their prefixes
  // In place of the response's, which a handler may be working on yet.
  bool faulty_ = false;
  bool fault_encoding_ = false;  // says which encodings there are
  StatusCode fault_ = StatusCode::ok;
  std::string fault_text_;
  Clock::time_point unsent_until_;   // then it is taken too slowly
  Clock::time_point lingers_until_;  // when its end was sent, and the request isn't whole
};

}  // namespace nn::http
