// HTTP/2 and gRPC of one connection, without its socket: bytes in, bytes out. Internal to this module.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/connection.hpp"
#include "http/h2_memory.hpp"
#include "http/h2_stream.hpp"

namespace nn::http {

inline constexpr std::int32_t stream_window = 1 << 20;      // bytes: 64 KiB would throttle large tensors
inline constexpr std::uint32_t head_list_bytes = 16 << 10;  // more of a head is answered 431

// All calls in the thread of the connection. Handlers are called by take(), check_time(), collect() and
// end().
class H2Session {
 public:
  // `changed` is called when there is something to be collected that take() has not made: a handler has sent
  // an answer later. And when the last exchange has been completed after end().
  H2Session(ThreadContext& thread, std::shared_ptr<const Peer> peer, std::function<void()> changed);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // Bytes of the client. False when nothing can be said or heard any more: it isn't HTTP/2, or worse.
  bool take(std::string_view bytes);
  // Appends what is to be sent, until `out` has about `most` bytes or there is no more.
  void collect(std::string& out, std::size_t most);
  // Nothing will come or go any more: the connection ends when what was collected is sent.
  bool is_over() const;

  // No new streams; those that are there go on.
  void drain();
  // Ends it with GOAWAY, whatever is under way.
  void terminate(std::uint32_t error_code);
  // The connection is no more: tells everybody who works on an answer. It is busy until they have completed
  // what they have.
  void end();
  // Nobody will.
  void abandon();
  // Ends or answers what takes too long. False when the client seems to be dead.
  bool check_time(Clock::time_point now);

  bool busy() const { return !live_.empty(); }
  std::uint64_t requests() const { return requests_; }  // so far
  std::size_t bytes() const;
  // Buffers for requests to come are not needed for now.
  void shrink();

  // A stream's handler has answered.
  void answer(H2Stream& stream);
  void answer_message(H2Stream& stream);

 private:
  friend struct H2Callbacks;
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  void submit_settings();
  // A request comes in.
  H2Stream* begin_stream(std::int32_t id);
  void head_done(H2Stream& stream, bool too_large);
  void read_fields(H2Stream& stream);
  void start_body(H2Stream& stream);
  bool accept_grpc(H2Stream& stream);
  void data(H2Stream& stream, std::string_view bytes);
  void take_body(H2Stream& stream, std::string_view bytes);
  std::size_t take_message(H2Stream& stream, std::string_view bytes);
  void take_messages(H2Stream& stream, std::string_view bytes);
  bool begin_message(H2Stream& stream);
  void whole_message(H2Stream& stream);
  bool is_full(const H2Stream& stream) const;
  void all_in(H2Stream& stream);
  void finish_request(H2Stream& stream);
  void tell_half_closed(H2Stream& stream);
  void resume_paused();
  template <typename Call>
  void call_handler(H2Stream& stream, Call&& call);
  // Answers in place of the handler, which is asked for the form only.
  void refuse(H2Stream& stream, int http_status, StatusCode grpc_status, std::string_view message);
  void refuse(H2Stream& stream, const Fault& fault);

  // Its answer goes out.
  void submit(H2Stream& stream);
  void submit_rest(H2Stream& stream);
  void submit_grpc(H2Stream& stream);
  void submit_response(H2Stream& stream, bool with_body);
  void submit_trailers(H2Stream& stream);
  void add_status(H2Stream& stream);
  void add_rest_fields(H2Stream& stream, std::string_view length);
  void compress(H2Stream& stream);
  void add_field(std::string_view name, std::string_view value, std::uint8_t flags = 0);
  void add_fields(const Fields& fields);
  std::uint8_t flags_for(std::string_view name);
  ssize_t read_answer(H2Stream& stream, std::size_t length, std::uint32_t& flags);
  bool write_data(H2Stream& stream, const std::uint8_t* frame_head, std::size_t length);
  void frame_sent(const nghttp2_frame& frame);
  void answered_early(H2Stream& stream);
  void stop_request(const H2Stream& stream);
  void output();

  // And it ends.
  void closed(H2Stream& stream);
  void lose(H2Stream& stream);
  void release(H2Stream& stream);
  void count_reset();
  void ping_acknowledged(const nghttp2_ping& ping);
  void check_stream(H2Stream& stream);
  void go_away();

  ThreadContext& thread_;
  const std::shared_ptr<const Peer> peer_;
  const std::function<void()> changed_;
  H2Memory memory_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::vector<std::shared_ptr<H2Stream>> live_;  // under way
  std::uint64_t requests_ = 0;
  std::size_t lost_ = 0;  // of those alive: the client doesn't want them
  std::vector<nghttp2_nv> fields_;
  std::string scratch_;
  unsigned named_ = 0;          // bits of names that the client's table of HPACK has
  std::string* out_ = nullptr;  // while collect() runs
  std::size_t most_ = 0;        // bytes of it
  bool working_ = false;        // in take(), after which output is collected
  bool can_resume_ = false;     // a paused stream has room again, perhaps
  bool ended_ = false;
  bool rests_ = false;  // since its memory was given back nothing has happened

  Clock::time_point now_, last_read_, begin_, head_since_;
  bool greeted_ = false;  // the client's settings have come
  bool head_coming_ = false;
  bool drain_noticed_ = false, drain_sent_ = false;
  Clock::time_point drain_since_, pinged_;
  bool pinging_ = false;

  // Streams that were reset before they were answered, and those that were answered, in some ten seconds.
  Clock::time_point resets_since_;
  std::int64_t resets_ = 0, finished_ = 0;
};

}  // namespace nn::http
