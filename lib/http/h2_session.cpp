#include "http/h2_session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/h2_callbacks.hpp"
#include "http/h2_memory.hpp"

namespace nn::http {
namespace {

constexpr std::int32_t connection_window = 4 << 20;   // of all streams together, on their way
constexpr auto drain_wait = std::chrono::seconds(1);  // for the answer to the notice
constexpr auto ping_wait = std::chrono::seconds(20);
constexpr auto reset_window = std::chrono::seconds(10);
constexpr std::int64_t most_resets = 200;  // in that time, beyond the answers that were finished
constexpr std::size_t most_spare = 64;     // streams of a thread
constexpr std::uint8_t drain_ping[8] = {'n', 'n', ' ', 'd', 'r', 'a', 'i', 'n'};

}  // namespace

H2Session::H2Session(ThreadContext& thread, std::shared_ptr<const Peer> peer, std::function<void()> changed)
    : thread_(thread), peer_(std::move(peer)), changed_(std::move(changed)) {
  now_ = begin_ = last_read_ = resets_since_ = thread_.clock.now();
  session_.reset(make_h2_server(*this, memory_));
  submit_settings();
}

H2Session::~H2Session() { abandon(); }

void H2Session::submit_settings() {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, thread_.limits.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_list_bytes},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  if (nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0 ||
      nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, connection_window) != 0)
    throw std::bad_alloc();
}

bool H2Session::take(std::string_view bytes) {
  if (ended_) return false;
  now_ = last_read_ = thread_.clock.now();
  pinging_ = false;
  rests_ = false;
  working_ = true;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  working_ = false;
  return taken >= 0;
}

void H2Session::collect(std::string& out, std::size_t most) {
  if (ended_) return;
  out_ = &out;
  most_ = most;
  do {
    resume_paused();
    while (out.size() < most) {
      const std::uint8_t* frame = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_.get(), &frame);
      if (size <= 0) break;
      out.append(reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size));
    }
  } while (out.size() < most && can_resume_);
  out_ = nullptr;
}

bool H2Session::is_over() const {
  return ended_ ||
         (nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0);
}

void H2Session::drain() {
  if (ended_ || drain_noticed_) return;
  drain_noticed_ = true;
  drain_since_ = thread_.clock.now();
  // Streams that are on their way here already are still answered: those that come until the client has
  // answered the ping, which it gets behind the notice.
  nghttp2_submit_shutdown_notice(session_.get());
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, drain_ping);
  output();
}

void H2Session::go_away() {
  if (drain_sent_) return;
  drain_sent_ = true;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR, nullptr,
                        0);
  output();
}

void H2Session::ping_acknowledged(const nghttp2_ping& ping) {
  if (drain_noticed_ && std::memcmp(ping.opaque_data, drain_ping, sizeof drain_ping) == 0) go_away();
}

void H2Session::terminate(std::uint32_t error_code) {
  if (ended_) return;
  nghttp2_session_terminate_session(session_.get(), error_code);
  output();
}

void H2Session::output() {
  rests_ = false;
  if (!working_ && out_ == nullptr && !ended_) changed_();
}

void H2Session::end() {
  if (std::exchange(ended_, true)) return;
  const auto streams = live_;
  for (const auto& stream : streams) {
    stream->closed_ = true;
    if (stream->handed_ && !stream->answered_) {
      ++lost_;
    } else {
      release(*stream);
    }
  }
  for (const auto& stream : streams) {
    if (!stream->answered_) lose(*stream);
  }
  session_.reset();
}

void H2Session::abandon() {
  ended_ = true;
  for (const auto& stream : live_) {
    stream->session_ = nullptr;
    stream->body_.detach();
    stream->held_.detach();
  }
  live_.clear();
  session_.reset();
}

bool H2Session::check_time(Clock::time_point now) {
  if (ended_) return true;
  now_ = now;
  const ServerLimits& limits = thread_.limits;
  if ((!greeted_ && now - begin_ > limits.head_timeout) ||
      (head_coming_ && now - head_since_ > limits.head_timeout)) {
    thread_.stats.timeouts.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (drain_noticed_ && now - drain_since_ > drain_wait) go_away();
  if (live_.empty()) return true;
  // Streams that are answered here leave the list only when that was sent.
  for (std::size_t i = 0; i < live_.size(); ++i) check_stream(*live_[i]);
  if (now - last_read_ <= limits.idle_timeout) return true;
  if (pinging_) return now - pinged_ <= ping_wait;
  pinging_ = true;
  pinged_ = now;
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  output();
  return true;
}

void H2Session::check_stream(H2Stream& stream) {
  if (stream.closed_) return;
  if (stream.end_sent_) {
    if (now_ < stream.lingers_until_) return;
    stop_request(stream);
    return output();
  }
  if (stream.unsent() > 0 && now_ > stream.unsent_until_) {
    thread_.stats.timeouts.fetch_add(1, std::memory_order_relaxed);
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_CANCEL);
    output();
    return;
  }
  const bool coming = !stream.all_in_ && !stream.discarding_ && !stream.paused_ && stream.known_ &&
                      (!stream.streaming_ || stream.prefix_.begun());
  if (coming && thread_.limits.body_rate > 0 && now_ > stream.body_until_) {
    thread_.stats.timeouts.fetch_add(1, std::memory_order_relaxed);
    refuse(stream, 408, StatusCode::deadline_exceeded, "the request came too slowly");
  }
}

std::size_t H2Session::bytes() const {
  std::size_t sum = sizeof *this;
  for (const auto& stream : live_)
    sum += sizeof *stream + stream->held_.capacity() + stream->queue_.capacity();
  return sum;
}

void H2Session::shrink() {
  if (!live_.empty() || ended_ || rests_) return;
  if (nghttp2_session_want_write(session_.get()) != 0) return;
  memory_.rest();
  rests_ = true;
}

H2Stream* H2Session::begin_stream(std::int32_t id) {
  head_coming_ = true;
  head_since_ = now_;
  // Streams that were reset count as long as somebody works on them.
  if (lost_ >= thread_.limits.streams) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return nullptr;
  }
  auto& spare = thread_.spare_streams;
  if (spare.empty()) spare.push_back(std::make_shared<H2Stream>(thread_));
  live_.push_back(std::move(spare.back()));
  spare.pop_back();
  H2Stream& stream = *live_.back();
  stream.reset(*this, id, now_);
  stream.peer_ = peer_;
  stream.place_ = live_.size() - 1;
  thread_.under_way.fetch_add(1, std::memory_order_relaxed);
  ++requests_;
  thread_.stats.requests_total.fetch_add(1, std::memory_order_relaxed);
  return &stream;
}

void H2Session::closed(H2Stream& stream) {
  stream.closed_ = true;
  head_coming_ = false;
  if (!stream.end_sent_) count_reset();
  if (!stream.handed_ || stream.answered_) return release(stream);
  ++lost_;
  lose(stream);  // which may complete it
}

// Tells the handler, once, that nobody wants the answer that it works on.
void H2Session::lose(H2Stream& stream) {
  if (std::exchange(stream.gone_, true)) return;
  if (!stream.handed_ || stream.answered_ || !stream.work) return;
  const auto keep = stream.shared_from_this();
  try {
    stream.work->gone();
  } catch (const std::exception&) {  // it goes on as one that isn't told
    return;
  }
}

void H2Session::release(H2Stream& stream) {
  const std::size_t place = stream.place_;
  const auto keep = std::move(live_[place]);
  if (place + 1 < live_.size()) {
    live_[place] = std::move(live_.back());
    live_[place]->place_ = place;
  }
  live_.pop_back();
  stream.finish();
  // Connections share them: each that was asked once would else keep its own, and leave gaps behind.
  if (thread_.spare_streams.size() < most_spare && !stream.spoiled_ && !ended_)
    thread_.spare_streams.push_back(keep);
  if (ended_ && live_.empty()) changed_();
}

void H2Session::count_reset() {
  if (now_ - resets_since_ > reset_window) {
    resets_since_ = now_;
    resets_ = finished_ = 0;
  }
  if (++resets_ > most_resets + finished_) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

}  // namespace nn::http
