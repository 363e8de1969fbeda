// A connection of the server, whatever it speaks, and what the connections of a thread share. Internal to
// this module: others see Server and Exchange.
//
// A connection begins as one of HTTP/1.1; where its first bytes are the preface of HTTP/2, its socket and
// what was read of it go to make_h2_connection().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "http/exchange.hpp"
#include "http/response_head.hpp"
#include "http/server.hpp"
#include "net/socket.hpp"

namespace nn::http {

// Bytes that the bodies of requests hold, those of all threads. Thread-safe.
class RequestMemory {
 public:
  explicit RequestMemory(std::uint64_t limit) : limit_(limit) {}
  // False where there is no room for them; then nothing is taken.
  bool take(std::uint64_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    give_back(bytes);
    return false;
  }
  void give_back(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
};

class Connection;
class Compressor;
class H2Stream;

// What the connections of a thread share. It outlives them, and is the thread's that runs `io`, but for
// `connections` and `under_way`, which others read.
struct ThreadContext {
  using List = std::list<std::shared_ptr<Connection>>;

  asio::io_context& io;
  Clock& clock;
  Handler& handler;
  const ServerLimits& limits;
  RequestMemory& memory;
  ServerStats& stats;

  List busy = {};
  List idle = {};                                             // longest first
  std::vector<std::shared_ptr<H2Stream>> spare_streams = {};  // of HTTP/2, while any connection is busy
  bool draining = false;
  DateText date{};
  std::minstd_rand jitter{};                    // of ages
  std::shared_ptr<Compressor> compressor = {};  // made when it is needed first
  std::function<void()> on_empty = {};          // the last connection has left, while draining
  std::atomic<std::int64_t> connections{0};     // in the lists, and on their way to this thread
  std::atomic<std::int64_t> under_way{0};       // exchanges between their head and the end of their answer
};

// All calls in its thread. Kept alive by the lists of its thread, until leave(), and by what it waits for.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ThreadContext& thread, Peer peer) : thread_(thread), peer_(std::move(peer)) {}
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to read; after join(), from where on the connection ends itself whatever is wrong: nothing is
  // thrown.
  virtual void start() = 0;
  // What is under way is answered, and then the connection ends; an idle one ends soon.
  virtual void drain() = 0;
  // Ends it at once: exchanges are told that their client is gone. It leaves() when the last of them has been
  // completed.
  virtual void close() = 0;
  // Lets go of its exchanges: the thread has ended, and nobody completes them any more.
  virtual void abandon() = 0;
  // Several times a second: ends or answers what has taken too long, and gives back the buffers of one that
  // has been idle for a second.
  virtual void check_time(Clock::time_point now) = 0;
  // What its buffers hold.
  virtual std::size_t bytes() const = 0;

  // Is a request on its way, being computed or being answered? Begins as idle.
  bool busy() const { return busy_; }
  Clock::time_point idle_since() const { return idle_since_; }

  // Into the lists of its thread, as idle. `connections` has been counted by whoever calls.
  void join();
  const Peer& peer() const { return peer_; }

 protected:
  // Both in constant time, without an allocation: they may be called with each request.
  void set_busy(bool busy);
  // An idle one has just been busy.
  void touch(Clock::time_point now);
  // Out of the lists, once; the caller holds it by a shared_ptr. Counts `connections` down.
  void leave();

  ThreadContext& thread_;

 private:
  Peer peer_;
  ThreadContext::List::iterator place_;
  Clock::time_point idle_since_;
  bool busy_ = false, joined_ = false;
};

// A connection of HTTP/1.1, until its first bytes say something else.
std::shared_ptr<Connection> make_h1_connection(ThreadContext& thread, UniqueFd socket, Peer peer);
// One that only says that there is no room.
std::shared_ptr<Connection> make_refused_connection(ThreadContext& thread, UniqueFd socket, Peer peer);
// The socket belongs to the thread's io_context; `bytes` is what has been read of it already, the preface
// among them.
std::shared_ptr<Connection> make_h2_connection(ThreadContext& thread, net::Socket socket, std::string bytes,
                                               Peer peer);

// What clients send that nobody wants any more is read, up to so much and for so long: a connection or stream
// that ends at once may take the answer with it.
inline constexpr std::uint64_t most_lingered = 1 << 20;
inline constexpr std::chrono::seconds linger_time{2};

// How long so many bytes may take at a rate of bytes a second; long where that is 0.
Clock::duration time_of(std::uint64_t bytes, std::uint64_t rate);
// A deadline that bytes put off by their time, but never beyond the latest: whoever was fast has saved up
// nothing to be slow with.
Clock::time_point put_off(Clock::time_point deadline, std::uint64_t bytes, std::uint64_t rate,
                          Clock::time_point latest);

}  // namespace nn::http
