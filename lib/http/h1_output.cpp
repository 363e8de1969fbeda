// How answers of HTTP/1.1 go out.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/log.hpp"
#include "http/h1_connection.hpp"
#include "http/response_head.hpp"

namespace nn::http {
namespace {

constexpr std::size_t most_parts = 16;  // answers that are sent at once
constexpr std::size_t least_compressed = 1 << 10;
constexpr std::size_t most_kept = 256 << 10;

}  // namespace

void H1Exchange::send() {
  if (connection_ != nullptr) connection_->sent(*this);
}

void H1Exchange::clear() {
  body_.clear();
  bytes_in_ = bytes_out_ = 0;
  answer_body_ = {};
  stage_ = Stage::spare;
  begun_ = closes_ = formatted_ = gone_ = false;
  continue_left_ = 0;
  response_.clear();
  if (response_.body.capacity() > most_kept) response_.body = std::string();
  if (compressed_.capacity() > most_kept) compressed_ = std::string();
  text_.clear();
}

H1Connection::ExchangePtr H1Connection::take_spare() {
  ExchangePtr exchange;
  if (spare_.empty()) {
    exchange = std::make_shared<H1Exchange>(peer());
  } else {
    exchange = std::move(spare_.back());
    spare_.pop_back();
  }
  exchange->connection_ = this;
  thread_.under_way.fetch_add(1, std::memory_order_relaxed);
  return exchange;
}

void H1Connection::sent(H1Exchange& exchange) {
  if (exchange.stage_ != Stage::handling) return;
  exchange.stage_ = Stage::answered;
  if (state_ == State::open) return pump();
  // The client is gone.
  const auto self = shared_from_this();
  const auto at =
      std::find_if(queue_.begin(), queue_.end(), [&](const auto& e) { return e.get() == &exchange; });
  if (at == queue_.end()) return;
  ExchangePtr own = std::move(*at);
  queue_.erase(at);
  finish(std::move(own), false);
  if (state_ == State::closed && queue_.empty()) leave();
}

// Whoever throws here can't be told anybody's error any more: the answer is out.
void H1Connection::finish(ExchangePtr exchange, bool sent) noexcept {
  try {
    if (exchange->begun_) thread_.handler.done(*exchange, sent);
  } catch (const std::exception& error) {
    note("http: {}", error.what());
  }
  thread_.under_way.fetch_sub(1, std::memory_order_relaxed);
  exchange->connection_ = nullptr;
  exchange->clear();
  if (state_ == State::open) spare_.push_back(std::move(exchange));
}

bool H1Connection::flush() {
  bool any = false;
  while (!writing_ && state_ == State::open) {
    iovec parts[3 * most_parts];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = gather(parts);
    if (message.msg_iovlen == 0) {
      blocked_ = false;
      break;
    }
    const ssize_t bytes = ::sendmsg(stream_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (bytes >= 0) {
      any = advance(static_cast<std::size_t>(bytes)) || any;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_writable();
    } else if (errno != EINTR) {
      close();
    }
  }
  return any;
}

std::size_t H1Connection::gather(iovec* parts) {
  std::size_t n = 0;
  const auto add = [&](std::string_view text) {
    if (!text.empty()) parts[n++] = {const_cast<char*>(text.data()), text.size()};
  };
  for (std::size_t i = 0; i < queue_.size() && i < most_parts; ++i) {
    H1Exchange& e = *queue_[i];
    if (e.continue_left_ != 0) add(continue_text.substr(continue_text.size() - e.continue_left_));
    if (e.stage_ != Stage::answered) break;
    if (!e.formatted_) format(e, i + 1 == queue_.size());
    const auto out = static_cast<std::size_t>(e.bytes_out_);
    const std::size_t head = e.answer_head_.size();
    if (out < head) add(std::string_view(e.answer_head_).substr(out));
    add(e.answer_body_.substr(std::max(out, head) - head));
    if (e.closes_) break;
  }
  return n;
}

// Bytes have been written. True where an exchange has come to its end.
bool H1Connection::advance(std::size_t bytes) {
  bool any = false;
  written_ += bytes;
  while (bytes != 0) {
    H1Exchange& e = *queue_.front();
    const std::size_t of_continue = std::min(bytes, e.continue_left_);
    e.continue_left_ -= of_continue;
    bytes -= of_continue;
    if (bytes == 0) break;
    const std::size_t total = e.answer_head_.size() + e.answer_body_.size();
    const std::size_t of_answer = std::min(bytes, total - static_cast<std::size_t>(e.bytes_out_));
    e.bytes_out_ += of_answer;
    bytes -= of_answer;
    if (e.bytes_out_ != total) break;
    const bool closes = e.closes_;
    auto exchange = std::move(queue_.front());
    queue_.erase(queue_.begin());
    finish(std::move(exchange), true);
    any = true;
    if (closes) {
      end_connection();
      break;
    }
  }
  return any;
}

// Only the last of several can say that the connection ends, as long as all shall be answered.
void H1Connection::format(H1Exchange& e, bool last) {
  Response& response = e.response_;
  if (response.close || (last && (thread_.draining || ages(now_)))) e.closes_ = last_ = true;
  HeadForm form;
  form.date = thread_.date.at(thread_.clock.date());
  form.close = e.closes_;
  form.keep_alive = e.text_.http10 && !e.closes_;
  e.answer_body_ = response.body;
  form.varies = thread_.limits.compress && response.may_compress;
  if (form.varies && e.text_.demands.accepts_gzip && response.body.size() >= least_compressed) {
    if (!thread_.compressor) thread_.compressor = std::make_shared<Compressor>();
    thread_.compressor->compress(response.body, e.compressed_);
    if (e.compressed_.size() < response.body.size()) {
      e.answer_body_ = e.compressed_;
      form.content_encoding = "gzip";
    }
  }
  write_head(response, e.answer_body_.size(), form, e.answer_head_);
  if (e.text_.head.method == Method::head || !has_body(response.status)) e.answer_body_ = {};
  e.formatted_ = true;
}

// The time for that grows with what is taken, so that nobody gains much by taking single bytes.
void H1Connection::wait_writable() {
  const auto latest = thread_.clock.now() + thread_.limits.write_timeout;
  write_until_ = blocked_ ? put_off(write_until_, written_, thread_.limits.body_rate, latest) : latest;
  written_ = 0;
  writing_ = blocked_ = true;
  const auto self = std::static_pointer_cast<H1Connection>(shared_from_this());
  stream_.async_wait(Stream::wait_write, [self](const boost::system::error_code& error) {
    self->writing_ = false;
    if (error) return self->close();
    self->pump();
  });
}

// Bytes that come after the end would make the system take back what is on its way to the client, so they
// are read for a while.
void H1Connection::end_connection() {
  if (ended_) return close();
  boost::system::error_code ignored;
  stream_.shutdown(Stream::shutdown_send, ignored);
  state_ = State::lingering;
  in_.clear();
  write_until_ = thread_.clock.now() + linger_time;
  drop_queue();
}

}  // namespace nn::http
