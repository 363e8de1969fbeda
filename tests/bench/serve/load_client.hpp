// A client of HTTP/1.1 that asks the same again and again, over many connections.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "latencies.hpp"
#include "load_options.hpp"

namespace nn::bench {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// Answers of some time.
struct Slice {
  std::uint64_t good = 0, others = 0;
  double slowest_good_ms = 0;
};

struct LoadFigures {
  std::map<int, std::uint64_t> by_status;
  std::map<std::string, std::uint64_t> errors;  // "connect", "reset", "timeout", "protocol"
  std::uint64_t stale = 0;  // a connection that the server had closed when a request was sent: asked again
  std::uint64_t good = 0;   // 2xx, within the time
  Latencies answered;       // 2xx, from the time at which the request was meant to be sent
  Latencies refused;        // others
  Latencies service;        // 2xx, from the time at which it was sent
  std::vector<Slice> timeline;
  double seconds = 0;
  std::uint64_t meant = 0;  // requests
};

class LoadClient;

// One request at a time. A read is always pending, so that a server that closes is noticed.
class LoadConnection {
 public:
  LoadConnection(LoadClient& client, asio::io_context& io);
  void connect(const asio::ip::tcp::endpoint& endpoint);
  // Meant to be sent at that time.
  void ask(Clock::time_point meant);
  bool asks() const { return meant_.has_value(); }
  Clock::time_point sent() const { return sent_; }
  void time_out();

 private:
  void read();
  void received(std::size_t size);
  // An answer's status where it is complete: then its bytes are gone from the buffer.
  std::optional<int> take_answer();
  void lost(const char* why);

  LoadClient& client_;
  asio::ip::tcp::socket socket_;
  std::optional<Clock::time_point> meant_;
  Clock::time_point sent_;
  std::vector<char> buffer_;
  std::size_t filled_ = 0;
  bool closes_ = false;  // the answer says so
  bool broken_ = false;  // it is no HTTP
  std::uint64_t answers_ = 0;
};

// One thread.
class LoadClient {
 public:
  explicit LoadClient(LoadOptions options);
  LoadFigures run();

 private:
  friend class LoadConnection;
  void begin_stage();
  void arrive();
  void schedule();
  void assign();
  void open();
  void watch();
  // Of connections:
  void idle(LoadConnection& connection);
  void answered(int status, Clock::time_point meant, Clock::time_point sent);
  void not_connected();
  void failed(const std::string& why, Clock::time_point meant);
  void ended(LoadConnection& connection, std::optional<Clock::time_point> again);
  bool counts(Clock::time_point meant) const { return meant >= counted_from_; }
  bool is_over() const { return stage_ == options_.stages.size(); }
  Slice* slice_now();
  void end_if_done();

  LoadOptions options_;
  asio::io_context io_{1};
  asio::ip::tcp::endpoint endpoint_;
  asio::steady_timer arrivals_{io_}, stage_end_{io_}, watch_{io_};
  std::vector<std::unique_ptr<LoadConnection>> connections_, gone_;
  std::vector<LoadConnection*> idle_;
  std::deque<Clock::time_point> waiting_;  // times at which they were meant to be sent
  std::size_t opening_ = 0, stage_ = 0, under_way_ = 0;
  std::mt19937_64 chance_;
  Clock::time_point start_, counted_from_, next_, stage_over_;
  bool warm_ = false;
  LoadFigures figures_;
};

}  // namespace nn::bench
