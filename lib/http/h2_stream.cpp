#include "http/h2_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "http/h2_session.hpp"

namespace nn::http {
namespace {

constexpr std::size_t kept_bytes = 64 << 10;  // of a text, for the next request

void clear_text(std::string& text) {
  if (text.capacity() > kept_bytes) {
    text = std::string();
  } else {
    text.clear();
  }
}

Method find_method(std::string_view text) {
  if (text == "GET") return Method::get;
  if (text == "POST") return Method::post;
  if (text == "HEAD") return Method::head;
  if (text == "PUT") return Method::put;
  if (text == "DELETE") return Method::del;
  if (text == "OPTIONS") return Method::options;
  return Method::other;
}

}  // namespace

void H2Stream::send() {
  if (answered_) return;
  answered_ = true;
  if (session_ != nullptr) session_->answer(*this);
}

void H2Stream::send_message() {
  if (session_ != nullptr && !final_ && !gone_) session_->answer_message(*this);
  response_.body.clear();
}

void H2Stream::reset(H2Session& session, std::int32_t id, Clock::time_point now) {
  session_ = &session;
  id_ = id;
  head_.method = Method::other;
  head_.method_text = head_.path = head_.query = {};
  head_.fields.clear();
  head_.content_length.reset();
  head_.http2 = true;
  head_.grpc = false;
  head_.deadline.reset();
  head_.arrived = now;
  method_.clear();
  clear_text(target_);
  head_bytes_ = 0;
  bytes_in_ = bytes_out_ = 0;
  encoding_ = GrpcEncoding::identity;
  two_hosts_ = false;
  demands_ = {};
  streaming_ = compressed_ = false;
  limit_ = 0;
  prefix_.clear();
  missing_ = received_ = 0;
  body_until_ = unsent_until_ = now;
  held_.clear();
  unanswered_ = 0;
  known_ = handed_ = discarding_ = paused_ = all_in_ = half_told_ = answered_ = closed_ = gone_ = spoiled_ =
      false;
  final_ = head_sent_ = deferred_ = end_sent_ = with_body_ = faulty_ = fault_encoding_ = false;
  sent_ = answer_prefix_size_ = 0;
  clear_text(queue_);
  lingers_until_ = {};
  fault_text_.clear();
  response_.clear();
  clear_text(response_.body);
}

void H2Stream::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") {
    method_ = value;
  } else if (name == ":path") {
    target_ = value;
  } else if (name == ":authority") {
    head_.fields.add("host", value);
  }
}

void H2Stream::add_field(std::string_view name, std::string_view value) {
  if (name == "host") {
    if (const auto authority = head_.fields.find("host")) {
      two_hosts_ = two_hosts_ || !equal_ignoring_case(value, *authority);
      return;
    }
  }
  head_.fields.add(name, value);
}

void H2Stream::finish_head() {
  head_.method_text = method_;
  head_.method = find_method(method_);
  split_target(target_, head_);
}

void H2Stream::tell_done(bool sent) {
  if (!std::exchange(known_, false)) return;
  try {
    thread_.handler.done(*this, sent);
  } catch (const std::exception&) {  // it is over, counted or not
    return;
  }
}

void H2Stream::finish() {
  body_.clear();
  held_.clear();
  thread_.under_way.fetch_sub(1, std::memory_order_relaxed);
  tell_done(end_sent_ && !gone_);
}

std::size_t H2Stream::unsent() const {
  if (!with_body_) return 0;
  return (streaming_ || compressed_ ? queue_.size() : answer_prefix_size_ + response_.body.size()) - sent_;
}

std::string_view H2Stream::next_piece() const {
  if (streaming_ || compressed_) return std::string_view(queue_).substr(sent_);
  if (sent_ < answer_prefix_size_)
    return std::string_view(answer_prefix_.data(), answer_prefix_size_).substr(sent_);
  return std::string_view(response_.body).substr(sent_ - answer_prefix_size_);
}

void H2Stream::advance(std::size_t bytes) {
  sent_ += bytes;
  if (!streaming_) return;
  if (sent_ == queue_.size()) {
    clear_text(queue_);
    sent_ = 0;
  } else if (sent_ > kept_bytes && sent_ > queue_.size() / 2) {
    queue_.erase(0, sent_);
    sent_ = 0;
  }
}

}  // namespace nn::http
