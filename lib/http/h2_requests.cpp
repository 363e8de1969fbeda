// A session's requests as they come in.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/h2_session.hpp"

namespace nn::http {
namespace {

constexpr std::size_t queue_bytes = 1 << 20;  // of a stream's answers; then no more of its messages are taken

Coding coding_of(GrpcEncoding encoding) {
  switch (encoding) {
    case GrpcEncoding::gzip: return Coding::gzip;
    case GrpcEncoding::deflate: return Coding::deflate;
    default: return Coding::identity;
  }
}

StatusCode grpc_status_of(const Fault& fault) {
  switch (fault.status) {
    case 413:
    case 503: return StatusCode::resource_exhausted;
    case 415: return StatusCode::unimplemented;
    case 500: return StatusCode::internal;
    default: return StatusCode::invalid_argument;
  }
}

}  // namespace

// Calls the handler, whose errors are answers.
template <typename Call>
void H2Session::call_handler(H2Stream& stream, Call&& call) {
  try {
    call();
    return;
  } catch (...) {
    const Error error = error_of(std::current_exception());
    refuse(stream, 500, StatusCode::internal, error.public_statement());
  }
  // It won't complete what it has failed at; should it do so yet, then it is no other request's.
  if (stream.answered_) return;
  stream.answered_ = stream.spoiled_ = true;
}

void H2Session::head_done(H2Stream& stream, bool too_large) {
  head_coming_ = false;
  stream.finish_head();
  read_fields(stream);
  const Head& head = stream.head_;
  stream.streaming_ = head.grpc && thread_.handler.is_stream(head);
  if (too_large)
    return refuse(stream, 431, StatusCode::resource_exhausted,
                  fmt::format("the head is larger than the limit of {} bytes", head_list_bytes));
  if (head.path.empty()) return refuse(stream, 400, StatusCode::invalid_argument, "the request has no path");
  // RFC 9113 8.3.1: who stands between may have looked at the other one.
  if (stream.two_hosts_)
    return refuse(stream, 400, StatusCode::invalid_argument, "the fields :authority and host differ");
  if (const Fault fault = stream.demands_.fault) return refuse(stream, fault);
  if (head.grpc && !accept_grpc(stream)) return;
  stream.known_ = true;
  stream.body_until_ = now_ + thread_.limits.head_timeout;
  call_handler(stream, [&] {
    if (const auto limit = thread_.handler.begin(stream)) {
      stream.limit_ = *limit;
      return;
    }
    stream.discarding_ = stream.answered_ = true;
    submit(stream);
  });
  if (stream.final_) return;
  if (!head.grpc) return start_body(stream);
  stream.held_.start(Coding::identity, stream_window, std::nullopt, thread_.memory);
}

void H2Session::start_body(H2Stream& stream) {
  const Head& head = stream.head_;
  const Coding coding = stream.demands_.coding;
  if (coding == Coding::unknown) {
    return refuse(stream, 415, StatusCode::unimplemented,
                  "the Content-Encoding is not one of identity, gzip and deflate");
  }
  if (coding != Coding::identity) stream.limit_ = std::min(stream.limit_, thread_.limits.inflated_bytes);
  if (head.content_length.value_or(0) > stream.limit_)
    return refuse(stream, 413, StatusCode::resource_exhausted, "the body is larger than the limit");
  stream.body_.start(coding, stream.limit_, head.content_length, thread_.memory);
  if (!stream.demands_.expects_continue) return;
  fields_.clear();
  add_field(":status", "100");
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream.id_, nullptr, fields_.data(),
                         fields_.size(), nullptr);
}

void H2Session::read_fields(H2Stream& stream) {
  Head& head = stream.head_;
  if (const auto type = head.fields.find("content-type"))
    head.grpc = head.method == Method::post && is_grpc_content_type(*type);
  if (const auto length = head.fields.find("content-length")) {
    // libnghttp2 has refused what is no number.
    std::uint64_t value = 0;
    for (const char digit : *length) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
    head.content_length = value;
  }
  if (!head.grpc) stream.demands_ = read_demands(head);
}

bool H2Session::accept_grpc(H2Stream& stream) {
  Head& head = stream.head_;
  if (const auto timeout = head.fields.find("grpc-timeout")) {
    const auto time = find_grpc_timeout(*timeout);
    if (!time) {
      refuse(stream, 400, StatusCode::invalid_argument, "grpc-timeout is not 1 to 8 digits and a unit");
      return false;
    }
    head.deadline = head.arrived + *time;
  }
  if (const auto name = head.fields.find("grpc-encoding")) {
    const auto encoding = find_grpc_encoding(*name);
    if (!encoding) {
      stream.fault_encoding_ = true;
      refuse(stream, 415, StatusCode::unimplemented, "the messages' grpc-encoding is not known");
      return false;
    }
    stream.encoding_ = *encoding;
  }
  return true;
}

void H2Session::data(H2Stream& stream, std::string_view bytes) {
  stream.bytes_in_ += bytes.size();
  stream.received_ += bytes.size();
  stream.body_until_ =
      put_off(stream.body_until_, bytes.size(), thread_.limits.body_rate, now_ + thread_.limits.head_timeout);
  if (stream.discarding_) return;  // its window closes
  if (stream.streaming_) return take_messages(stream, bytes);
  nghttp2_session_consume_stream(session_.get(), stream.id_, bytes.size());
  take_body(stream, bytes);
}

void H2Session::take_body(H2Stream& stream, std::string_view bytes) {
  if (!stream.head_.grpc) {
    if (const Fault fault = stream.body_.append(bytes)) refuse(stream, fault);
    return;
  }
  while (!bytes.empty() && !stream.discarding_) {
    if (stream.prefix_.whole() && stream.missing_ == 0)
      return refuse(stream, 400, StatusCode::unimplemented,
                    "there is more than one message, and one is wanted");
    bytes.remove_prefix(take_message(stream, bytes));
  }
}

// Takes a part of a message off the front of `bytes`, and returns how much that was.
std::size_t H2Session::take_message(H2Stream& stream, std::string_view bytes) {
  std::size_t taken = 0;
  if (!stream.prefix_.whole()) {
    if (!stream.prefix_.begun()) stream.body_until_ = now_ + thread_.limits.head_timeout;
    taken = stream.prefix_.take(bytes);
    if (!stream.prefix_.whole() || !begin_message(stream)) return taken;
  }
  const std::size_t size = std::min<std::uint64_t>(bytes.size() - taken, stream.missing_);
  if (const Fault fault = stream.body_.append(bytes.substr(taken, size))) {
    refuse(stream, fault);
    return taken;
  }
  stream.missing_ -= size;
  return taken + size;
}

bool H2Session::begin_message(H2Stream& stream) {
  const GrpcPrefix& prefix = stream.prefix_;
  const bool compressed = prefix.flag() == 1;
  stream.missing_ = prefix.length();
  if (prefix.flag() > 1) {
    refuse(stream, 400, StatusCode::invalid_argument, "a message begins with a flag that is neither 0 nor 1");
  } else if (compressed && stream.encoding_ == GrpcEncoding::identity) {
    refuse(stream, 400, StatusCode::internal, "a message is compressed, and no grpc-encoding says how");
  } else if (prefix.length() > stream.limit_) {
    refuse(stream, 413, StatusCode::resource_exhausted, "the message is larger than the limit");
  } else {
    const std::uint64_t inflated = std::min(stream.limit_, thread_.limits.inflated_bytes);
    stream.body_.start(
        compressed ? coding_of(stream.encoding_) : Coding::identity, compressed ? inflated : stream.limit_,
        compressed ? std::nullopt : std::optional<std::uint64_t>(prefix.length()), thread_.memory);
    return true;
  }
  return false;
}

bool H2Session::is_full(const H2Stream& stream) const {
  return stream.unanswered_ >= thread_.limits.pipelined || stream.queue_.size() - stream.sent_ >= queue_bytes;
}

// What is taken opens the stream's window again; the rest is held, and no more comes than fits there.
void H2Session::take_messages(H2Stream& stream, std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !stream.paused_ && !stream.discarding_) {
    taken += take_message(stream, bytes.substr(taken));
    if (!stream.discarding_ && stream.prefix_.whole() && stream.missing_ == 0) whole_message(stream);
  }
  if (stream.discarding_) return;
  if (taken > 0) nghttp2_session_consume_stream(session_.get(), stream.id_, taken);
  if (taken == bytes.size()) return;
  if (const Fault fault = stream.held_.append(bytes.substr(taken))) refuse(stream, fault);
}

void H2Session::whole_message(H2Stream& stream) {
  if (const Fault fault = stream.body_.finish()) return refuse(stream, fault);
  stream.handed_ = true;
  ++stream.unanswered_;
  const auto keep = stream.shared_from_this();
  call_handler(stream, [&] { thread_.handler.message(stream); });
  stream.prefix_.clear();
  stream.body_.clear();
  stream.paused_ = is_full(stream);
}

void H2Session::resume_paused() {
  if (!std::exchange(can_resume_, false)) return;
  working_ = true;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const auto stream = live_[i];
    if (!stream->paused_ || is_full(*stream) || stream->closed_ || stream->discarding_) continue;
    stream->paused_ = false;
    stream->body_until_ = now_ + thread_.limits.head_timeout;
    const std::string held(stream->held_.view());
    stream->held_.clear();
    take_messages(*stream, held);
    if (stream->all_in_) tell_half_closed(*stream);
  }
  working_ = false;
}

void H2Session::all_in(H2Stream& stream) {
  stream.all_in_ = true;
  if (stream.discarding_) return;
  if (stream.streaming_) return tell_half_closed(stream);
  finish_request(stream);
}

void H2Session::finish_request(H2Stream& stream) {
  if (stream.head_.grpc) {
    if (!stream.prefix_.begun())
      return refuse(stream, 400, StatusCode::unimplemented, "there is no message, and one is wanted");
    if (!stream.prefix_.whole() || stream.missing_ > 0)
      return refuse(stream, 400, StatusCode::invalid_argument, "the message is cut off");
  } else if (stream.received_ == 0 && stream.demands_.coding != Coding::identity) {
    return refuse(stream, 400, StatusCode::invalid_argument, "an empty body is not compressed");
  }
  if (const Fault fault = stream.body_.finish()) return refuse(stream, fault);
  stream.handed_ = true;
  const auto keep = stream.shared_from_this();
  call_handler(stream, [&] { thread_.handler.handle(stream); });
}

void H2Session::tell_half_closed(H2Stream& stream) {
  if (stream.paused_ || stream.half_told_ || stream.discarding_) return;
  if (stream.prefix_.begun())
    return refuse(stream, 400, StatusCode::invalid_argument, "the last message is cut off");
  stream.half_told_ = stream.handed_ = true;
  const auto keep = stream.shared_from_this();
  call_handler(stream, [&] { thread_.handler.half_closed(stream); });
}

void H2Session::refuse(H2Stream& stream, const Fault& fault) {
  refuse(stream, fault.status, grpc_status_of(fault), fault.message);
}

void H2Session::refuse(H2Stream& stream, int http_status, StatusCode grpc_status, std::string_view message) {
  stream.discarding_ = true;
  if (stream.final_) return;
  thread_.stats.requests_refused.fetch_add(1, std::memory_order_relaxed);
  stream.known_ = true;
  const bool grpc = stream.head_.grpc;
  if (!grpc) {
    Response& response = stream.response();
    response.clear();
    response.status = http_status;
    if (http_status == 415) response.fields.add("accept-encoding", "gzip, deflate, identity");
  }
  Refusal refusal{http_status, grpc_status, message_of(http_status, message, stream.limit_, thread_.limits)};
  try {
    thread_.handler.refuse(stream, refusal);
  } catch (...) {
    if (!grpc) stream.response().body.clear();
  }
  if (grpc) {
    stream.faulty_ = true;
    stream.fault_ = grpc_status;
    stream.fault_text_ = std::move(refusal.message);
  }
  if (!stream.handed_) stream.answered_ = true;
  submit(stream);
  // A handler that works on it learns that nobody waits for its answer any more.
  lose(stream);
}

}  // namespace nn::http
