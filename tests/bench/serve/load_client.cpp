#include "load_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cmath>
#include <cstring>

namespace nn::bench {
namespace {

using Seconds = std::chrono::duration<double>;

Clock::duration seconds(double value) { return std::chrono::duration_cast<Clock::duration>(Seconds(value)); }

bool same(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
         });
}

struct AnswerHead {
  int status = 0;
  std::size_t length = 0;
  bool closes = false, understood = false;
};

// Of the bytes before the empty line.
AnswerHead parse_head(std::string_view head) {
  AnswerHead answer;
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) return answer;
  std::from_chars(head.data() + 9, head.data() + 12, answer.status);
  answer.understood = answer.status >= 100;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    const std::string_view name = line.substr(0, colon);
    if (same(name, "content-length"))
      std::from_chars(value.data(), value.data() + value.size(), answer.length);
    if (same(name, "connection")) answer.closes = same(value, "close");
    if (same(name, "transfer-encoding")) answer.understood = false;
  }
  return answer;
}

}  // namespace

// ---- a connection

LoadConnection::LoadConnection(LoadClient& client, asio::io_context& io)
    : client_(client), socket_(io), buffer_(16384) {}

void LoadConnection::connect(const asio::ip::tcp::endpoint& endpoint) {
  socket_.async_connect(endpoint, [this](const boost::system::error_code& error) {
    --client_.opening_;
    if (error) return lost("connect");
    socket_.set_option(asio::ip::tcp::no_delay(true));
    socket_.non_blocking(true);
    read();
    client_.idle(*this);
  });
}

void LoadConnection::ask(Clock::time_point meant) {
  meant_ = meant;
  sent_ = Clock::now();
  ++client_.under_way_;
  const std::string& request = client_.options_.request;
  boost::system::error_code error;
  const std::size_t size = socket_.write_some(asio::buffer(request), error);
  if (error && error != asio::error::would_block) return;  // the pending read tells it
  if (size == request.size()) return;
  asio::async_write(socket_, asio::buffer(request.data() + size, request.size() - size),
                    [](const boost::system::error_code&, std::size_t) {});
}

void LoadConnection::read() {
  if (filled_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  socket_.async_read_some(asio::buffer(buffer_.data() + filled_, buffer_.size() - filled_),
                          [this](const boost::system::error_code& error, std::size_t size) {
                            if (error)
                              return lost(error == asio::error::operation_aborted ? "timeout" : "reset");
                            received(size);
                          });
}

std::optional<int> LoadConnection::take_answer() {
  const std::string_view bytes(buffer_.data(), filled_);
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const AnswerHead head = parse_head(bytes.substr(0, end));
  broken_ = !head.understood;
  if (broken_) return std::nullopt;
  const std::size_t whole = end + 4 + head.length;
  if (filled_ < whole) return std::nullopt;
  filled_ -= whole;
  std::memmove(buffer_.data(), buffer_.data() + whole, filled_);
  closes_ = head.closes;
  return head.status;
}

void LoadConnection::received(std::size_t size) {
  filled_ += size;
  if (const auto status = take_answer()) {
    if (!meant_) return lost("protocol");
    ++answers_;
    const Clock::time_point meant = *meant_;
    meant_.reset();
    --client_.under_way_;
    client_.answered(*status, meant, sent_);
    if (closes_) return lost(nullptr);
    client_.idle(*this);
  } else if (broken_) {
    return lost("protocol");
  }
  read();
}

void LoadConnection::time_out() { socket_.close(); }

void LoadConnection::lost(const char* why) {
  boost::system::error_code ignored;
  socket_.close(ignored);
  std::optional<Clock::time_point> again;
  if (meant_) {
    --client_.under_way_;
    // A server may close a connection at any time between two requests: then nothing of the request was
    // looked at.
    if (why != nullptr && std::strcmp(why, "reset") == 0 && answers_ > 0 && filled_ == 0) {
      again = meant_;
    } else {
      client_.failed(why != nullptr ? why : "reset", *meant_);
    }
    meant_.reset();
  } else if (why != nullptr && std::strcmp(why, "connect") == 0) {
    client_.not_connected();
  }
  client_.ended(*this, again);
}

// ---- the client

LoadClient::LoadClient(LoadOptions options) : options_(std::move(options)), chance_(options_.seed) {
  endpoint_ = {asio::ip::make_address(options_.host), options_.port};
}

LoadFigures LoadClient::run() {
  start_ = Clock::now();
  counted_from_ = start_ + seconds(options_.warm_up_seconds);
  warm_ = options_.warm_up_seconds <= 0;
  begin_stage();
  watch();
  io_.run();
  figures_.seconds = 0;
  for (const Stage& stage : options_.stages) figures_.seconds += stage.seconds;
  return std::move(figures_);
}

void LoadClient::begin_stage() {
  const Stage& stage = options_.stages[stage_];
  const double length = warm_ ? stage.seconds : options_.warm_up_seconds;
  stage_over_ =
      (stage_ == 0 && (!warm_ || options_.warm_up_seconds <= 0) ? start_ : stage_over_) + seconds(length);
  stage_end_.expires_at(stage_over_);
  stage_end_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (warm_) ++stage_;
    warm_ = true;
    arrivals_.cancel();
    if (!is_over()) return begin_stage();
    end_if_done();
  });
  if (stage.rate > 0) {
    next_ = std::max(start_, stage_over_ - seconds(length));
    schedule();
  } else {
    while (connections_.size() < options_.connections) open();
  }
}

void LoadClient::schedule() {
  const double mean = 1 / options_.stages[stage_].rate;
  next_ += seconds(options_.even ? mean : std::exponential_distribution<double>(1 / mean)(chance_));
  if (next_ >= stage_over_) return;
  arrivals_.expires_at(next_);
  arrivals_.async_wait([this](const boost::system::error_code& error) {
    if (!error) arrive();
  });
}

void LoadClient::arrive() {
  const Clock::time_point now = Clock::now();
  const double rate = options_.stages[stage_].rate;
  while (next_ <= now && next_ < stage_over_) {
    waiting_.push_back(next_);
    if (counts(next_)) ++figures_.meant;
    next_ += seconds(options_.even ? 1 / rate : std::exponential_distribution<double>(rate)(chance_));
  }
  assign();
  if (next_ >= stage_over_) return;
  arrivals_.expires_at(next_);
  arrivals_.async_wait([this](const boost::system::error_code& error) {
    if (!error) arrive();
  });
}

void LoadClient::assign() {
  while (!waiting_.empty() && !idle_.empty()) {
    LoadConnection* connection = idle_.back();
    idle_.pop_back();
    const Clock::time_point meant = waiting_.front();
    waiting_.pop_front();
    connection->ask(meant);
  }
  while (opening_ < waiting_.size() && connections_.size() < options_.connections) open();
}

void LoadClient::open() {
  ++opening_;
  connections_.push_back(std::make_unique<LoadConnection>(*this, io_));
  connections_.back()->connect(endpoint_);
}

// The request that it was opened for has failed with it.
void LoadClient::not_connected() {
  Clock::time_point meant = Clock::now();
  if (!waiting_.empty()) {
    meant = waiting_.front();
    waiting_.pop_front();
  }
  failed("connect", meant);
}

void LoadClient::idle(LoadConnection& connection) {
  if (!is_over() && options_.stages[stage_].rate == 0) {
    const Clock::time_point now = Clock::now();
    if (counts(now)) ++figures_.meant;
    return connection.ask(now);
  }
  idle_.push_back(&connection);
  assign();
  end_if_done();
}

Slice* LoadClient::slice_now() {
  if (options_.timeline_ms <= 0) return nullptr;
  const double at = Seconds(Clock::now() - counted_from_).count() * 1e3 / options_.timeline_ms;
  if (at < 0) return nullptr;
  const auto index = static_cast<std::size_t>(at);
  if (index >= figures_.timeline.size()) figures_.timeline.resize(index + 1);
  return &figures_.timeline[index];
}

void LoadClient::answered(int status, Clock::time_point meant, Clock::time_point sent) {
  if (!counts(meant)) return;
  ++figures_.by_status[status];
  const Clock::time_point now = Clock::now();
  const std::int64_t taken = std::chrono::nanoseconds(now - meant).count();
  const bool success = status >= 200 && status < 300;
  (success ? figures_.answered : figures_.refused).add(taken);
  if (success) figures_.service.add(std::chrono::nanoseconds(now - sent).count());
  const double taken_ms = static_cast<double>(taken) * 1e-6;
  const bool good = success && (options_.within_ms <= 0 || taken_ms <= options_.within_ms);
  figures_.good += good ? 1 : 0;
  if (Slice* slice = slice_now()) {
    ++(good ? slice->good : slice->others);
    if (success) slice->slowest_good_ms = std::max(slice->slowest_good_ms, taken_ms);
  }
}

void LoadClient::failed(const std::string& why, Clock::time_point meant) {
  if (!counts(meant)) return;
  ++figures_.errors[why];
  if (Slice* slice = slice_now()) ++slice->others;
}

void LoadClient::ended(LoadConnection& connection, std::optional<Clock::time_point> again) {
  std::erase(idle_, &connection);
  const auto place = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const auto& one) { return one.get() == &connection; });
  // Not freed here: this is its own handler.
  gone_.push_back(std::move(*place));
  connections_.erase(place);
  if (again) {
    ++figures_.stale;
    waiting_.push_front(*again);
  }
  const bool closed_loop = !is_over() && options_.stages[stage_].rate == 0;
  // Where a server isn't there, connecting again at once would be all that this process does: watch() does
  // it.
  if (closed_loop && !figures_.errors.contains("connect")) open();
  assign();
  end_if_done();
}

// Ten times a second: what was asked too long ago, and connections that are missing.
void LoadClient::watch() {
  gone_.clear();
  const Clock::time_point late = Clock::now() - options_.timeout;
  for (const auto& connection : connections_) {
    if (connection->asks() && connection->sent() < late) connection->time_out();
  }
  if (!is_over() && options_.stages[stage_].rate == 0) {
    while (connections_.size() < options_.connections) open();
  }
  watch_.expires_after(std::chrono::milliseconds(100));
  watch_.async_wait([this](const boost::system::error_code& error) {
    if (!error) watch();
  });
}

void LoadClient::end_if_done() {
  if (is_over() && waiting_.empty() && under_way_ == 0) io_.stop();
}

}  // namespace nn::bench
