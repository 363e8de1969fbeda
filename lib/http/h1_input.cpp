// What a connection of HTTP/1.1 makes of the bytes that come.
#include <algorithm>

#include "base/error.hpp"
#include "http/h1_connection.hpp"

namespace nn::http {
namespace {

constexpr std::uint64_t most_skipped = 64 << 10;  // of a body that nobody wants, so that the connection stays
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

bool H1Connection::take_input() {
  if (state_ != State::open) return false;
  if (in_.empty()) return take_whole_body();
  if (receiving_ != nullptr) return take_body();
  if (skipping_ != 0) return skip();
  if (last_ || (thread_.draining && !queue_.empty())) return false;
  return !is_full() && take_head();
}

// A body that was read to where it belongs.
bool H1Connection::take_whole_body() {
  return receiving_ != nullptr && !receiving_->text_.chunked && body_left_ == 0 && complete_body();
}

bool H1Connection::skip() {
  const std::size_t bytes = std::min<std::uint64_t>(skipping_, in_.size());
  in_.consume(bytes);
  skipping_ -= bytes;
  in_head_ = skipping_ != 0;
  return true;
}

// The preface of HTTP/2, which no request of HTTP/1.1 is; undecided while it may become that.
bool H1Connection::is_http2(bool& undecided) const {
  if (requests_ != 0) return false;
  const std::string_view bytes = in_.view().substr(0, preface.size());
  if (!preface.starts_with(bytes)) return false;
  undecided = bytes.size() < preface.size();
  return !undecided;
}

// Until the next one is in the lists, whatever throws ends this one as it ends any other.
void H1Connection::become_http2() {
  const auto self = shared_from_this();
  std::string bytes(in_.view());
  UniqueFd fd(stream_.release());
  auto socket = net::adopt_socket(thread_.io, std::move(fd));
  const auto next = make_h2_connection(thread_, std::move(socket), std::move(bytes), peer());
  if (next != nullptr) {
    next->join();
    thread_.connections.fetch_add(1, std::memory_order_relaxed);
  }
  state_ = State::closed;
  in_.release();
  leave();
  if (next != nullptr) next->start();
}

bool H1Connection::take_head() {
  if (!in_head_) {
    in_head_ = true;
    head_until_ = now_ + thread_.limits.head_timeout;
    head_began_ = now_;
    head_end_.start();
    blank_ = true;
  }
  if (blank_ && in_.view()[0] == '\r') {  // some send an empty line behind a body
    if (in_.size() == 1) return false;
    blank_ = false;
    if (in_.view()[1] == '\n') in_.consume(2);
    if (in_.empty()) return in_head_ = false;
  }
  bool undecided = false;
  if (is_http2(undecided)) {
    become_http2();
    return false;
  }
  if (undecided) return false;
  Fault fault;
  const auto size = head_end_.find(in_.view(), fault);
  if (!fault && size.value_or(in_.size()) > thread_.limits.head_bytes)
    fault = {431, "the head of the request is larger than the limit"};
  if (fault) {
    refuse_incoming(fault);
    return false;
  }
  if (!size) return false;
  const auto exchange = take_spare();
  queue_.push_back(exchange);
  in_head_ = false;
  ++requests_;
  thread_.stats.requests_total.fetch_add(1, std::memory_order_relaxed);
  parser_.emplace();
  fault = parser_->parse_head(in_.view().substr(0, *size), exchange->text_, head_began_);
  in_.consume(*size);
  exchange->bytes_in_ = *size;
  if (fault) {
    refuse(*exchange, fault);
    return false;
  }
  if (!exchange->text_.keep_alive) {
    exchange->closes_ = true;
    last_ = true;
  }
  begin(exchange);
  return true;
}

// How many bytes may follow; false where it is answered already.
bool H1Connection::ask_handler(H1Exchange& e, std::uint64_t& limit) {
  try {
    const auto allowed = thread_.handler.begin(e);
    limit = allowed.value_or(0);
    if (!allowed) e.stage_ = Stage::answered;
    return allowed.has_value();
  } catch (const std::exception& error) {
    fail(e, error);
    return false;
  }
}

void H1Connection::begin(const ExchangePtr& exchange) {
  H1Exchange& e = *exchange;
  const HeadText& text = e.text_;
  e.stage_ = Stage::receiving;
  e.begun_ = true;
  std::uint64_t limit = 0;
  if (!ask_handler(e, limit)) return pass_over_body(e);
  if (text.demands.coding == Coding::unknown) {
    refuse(e, {415, "the Content-Encoding is not one of identity, gzip and deflate"});
    e.response_.fields.add("accept-encoding", "gzip, deflate, identity");
    return;
  }
  if (text.demands.coding != Coding::identity) limit = std::min(limit, thread_.limits.inflated_bytes);
  e.limit_ = limit;
  if (text.head.content_length.value_or(0) > limit)
    return refuse(e, {413, "the body is larger than the limit"});
  e.body_.start(text.demands.coding, limit, text.head.content_length, thread_.memory);
  if (!text.body_follows()) {
    if (text.demands.coding == Coding::identity) return handle(e);
    return refuse(e, {400, "an empty body is not compressed"});
  }
  receiving_ = &e;
  body_left_ = text.head.content_length.value_or(0);
  body_until_ = now_ + thread_.limits.head_timeout;
  if (text.demands.expects_continue && in_.empty()) e.continue_left_ = continue_text.size();
}

bool H1Connection::take_body() {
  H1Exchange& e = *receiving_;
  Fault fault;
  std::size_t taken = 0;
  if (e.text_.chunked) {
    taken = parser_->take_chunks(in_.view(), e.body_, fault);
    if (!fault && taken == 0 && in_.size() > thread_.limits.head_bytes)
      fault = {400, "a chunk of the body is wrong"};
  } else {
    taken = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, in_.size()));
    fault = e.body_.append(in_.view().substr(0, taken));
    body_left_ -= taken;
  }
  in_.consume(taken);
  e.bytes_in_ += taken;
  if (taken != 0) e.forget_continue();  // it didn't wait for that
  if (fault) {
    refuse_incoming(fault);
    return false;
  }
  const bool complete = e.text_.chunked ? parser_->complete() : body_left_ == 0;
  return complete ? complete_body() : taken != 0 && !in_.empty();
}

bool H1Connection::complete_body() {
  if (const Fault fault = receiving_->body_.finish()) {
    refuse_incoming(fault);
    return false;
  }
  H1Exchange& e = *receiving_;
  receiving_ = nullptr;
  handle(e);
  return true;
}

void H1Connection::handle(H1Exchange& e) {
  e.stage_ = Stage::handling;
  e.forget_continue();
  try {
    thread_.handler.handle(e);
  } catch (const std::exception& error) {
    if (e.stage_ == Stage::handling) fail(e, error);
  }
}

// A small body that is on its way anyhow is read, so that whoever is refused needn't connect again.
void H1Connection::pass_over_body(H1Exchange& e) {
  const HeadText& text = e.text_;
  if (!text.body_follows()) return;
  if (!text.chunked && !text.demands.expects_continue && *text.head.content_length <= most_skipped) {
    skipping_ = *text.head.content_length;
    in_head_ = true;
    head_until_ = now_ + thread_.limits.head_timeout;
    return;
  }
  e.closes_ = last_ = true;
}

// The connection ends with it: where the next request begins isn't known, or isn't worth being read.
void H1Connection::refuse(H1Exchange& e, const Fault& fault) {
  e.stage_ = Stage::answered;
  e.begun_ = e.closes_ = last_ = true;
  e.forget_continue();
  e.response_.clear();
  e.response_.status = fault.status;
  thread_.stats.requests_refused.fetch_add(1, std::memory_order_relaxed);
  Refusal refusal{fault.status, {}, message_of(fault.status, fault.message, e.limit_, thread_.limits)};
  thread_.handler.refuse(e, refusal);
  if (fault.status == 503) e.response_.fields.add("retry-after", "1");
}

void H1Connection::fail(H1Exchange& e, const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  e.stage_ = Stage::answered;
  e.response_.clear();
  e.response_.status = 500;
  Refusal refusal{e.response_.status, {}, ours != nullptr ? ours->public_statement() : "internal error"};
  thread_.handler.refuse(e, refusal);
}

// Refuses what has not come as a whole: the request whose body is being read, or one that has no head.
void H1Connection::refuse_incoming(const Fault& fault) {
  in_head_ = false;
  if (receiving_ != nullptr) {
    H1Exchange& e = *std::exchange(receiving_, nullptr);
    if (reading_ && into_body_) stream_.cancel();  // its buffer is somebody else's soon
    return refuse(e, fault);
  }
  const auto exchange = take_spare();
  queue_.push_back(exchange);
  refuse(*exchange, fault);
}

}  // namespace nn::http
