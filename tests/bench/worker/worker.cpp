// Latencies of workers, by a client that does nothing else. Commands, each answered with a
// line of JSON:
//   bench-worker echo SOCKET                    serves: sends back as many bytes as it is asked for
//   bench-worker trip WORKER ECHO COUNT         round trips of one row, and of the same bytes by echo
//   bench-worker load WORKER SECONDS CLIENTS [MODEL]   clients that ask one row after the other
//   bench-worker hostile WORKER SECONDS CLIENTS [KIND]   clients that mean no good (hostile.hpp)
//   bench-worker burn SECONDS CLIENTS CPU       as many threads that take so many seconds of processor time
//   in all bench-worker ensemble COUNT DEADLINE_US QUORUM WORKER…   one row at a time to all
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "client/remote_predict.hpp"
#include "hostile.hpp"
#include "net/no_throw.hpp"
#include "wire_client.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using nn::bench::row;
using nn::bench::RowClient;
using nn::bench::Wire;

double micros(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

double quantile(std::vector<double>& sorted, double q) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

// ---- echo: a request of 16 bytes more says how many bytes come back

using Local = nn::asio::local::stream_protocol;
using nn::net::no_throw;

nn::asio::awaitable<void> echo(Local::socket socket) {
  std::uint64_t sizes[2];
  std::vector<char> bytes;
  auto [error, n] = co_await nn::asio::async_read(socket, nn::asio::buffer(sizes), no_throw);
  bytes.resize(std::max(sizes[0], sizes[1]));
  while (!error) {
    auto [read_error, got] =
        co_await nn::asio::async_read(socket, nn::asio::buffer(bytes.data(), sizes[0]), no_throw);
    if (read_error) co_return;
    co_await nn::asio::async_write(socket, nn::asio::buffer(bytes.data(), sizes[1]), no_throw);
  }
}

nn::asio::awaitable<void> serve_echo(nn::asio::io_context& io, std::string path) {
  ::unlink(path.c_str());
  Local::acceptor acceptor(io, Local::endpoint(path));
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(no_throw);
    if (error) co_return;
    nn::asio::co_spawn(io, echo(std::move(socket)), nn::asio::detached);
  }
}

// ---- commands

void trip(const std::string& worker, const std::string& echo_path, int count) {
  RowClient client(worker);
  if (!client.ask()) nn::fail_data("the worker doesn't answer");
  const std::string request(client.request.size(), 'x');
  std::string reply(client.wire.size, 'x');
  Wire echo(echo_path);
  const std::uint64_t sizes[2] = {request.size(), reply.size()};
  echo.send(std::string(reinterpret_cast<const char*>(sizes), sizeof sizes));
  std::vector<double> ours, theirs;
  constexpr int together = 200;
  for (int i = 0; i < count; i += together) {
    for (int j = 0; j < together; ++j) {
      const auto start = Clock::now();
      client.ask();
      ours.push_back(micros(Clock::now() - start));
    }
    for (int j = 0; j < together; ++j) {
      const auto start = Clock::now();
      echo.send(request);
      echo.receive(reply.data(), reply.size());
      theirs.push_back(micros(Clock::now() - start));
    }
  }
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  fmt::print(
      R"({{"ours_p50": {:.3f}, "echo_p50": {:.3f}, "ours_p99": {:.3f}, "echo_p99": {:.3f}, "request": {}, "reply": {}}})"
      "\n",
      quantile(ours, 0.5), quantile(theirs, 0.5), quantile(ours, 0.99), quantile(theirs, 0.99),
      request.size(), reply.size());
}

void load(const std::string& worker, double seconds, int clients, const std::string& model) {
  std::vector<std::thread> threads;
  std::vector<std::vector<double>> times(static_cast<std::size_t>(clients));
  std::atomic<int> failed{0};
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (auto& mine : times) {
    threads.emplace_back([&] {
      try {
        RowClient client(worker, model);
        while (Clock::now() < end) {
          const auto start = Clock::now();
          if (!client.ask()) ++failed;
          mine.push_back(micros(Clock::now() - start));
        }
      } catch (const nn::Error&) {
        ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& mine : times) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  fmt::print(
      R"({{"requests": {}, "failed": {}, "p50": {:.1f}, "p99": {:.1f}, "p999": {:.1f}, "max": {:.1f}}})"
      "\n",
      all.size(), failed.load(), quantile(all, 0.5), quantile(all, 0.99), quantile(all, 0.999),
      quantile(all, 1));
}

// The same row again and again, each asked for when the one before is answered.
class Rows : public nn::BatchSource {
 public:
  explicit Rows(int count) : left_(count), row_(row()) {}
  const std::shared_ptr<const nn::Schema>& schema() const override { return row_.schema; }
  std::optional<nn::Batch> next() override {
    // The reader's thread is ahead: it waits until the answer came.
    while (asked_.load() > answered.load()) std::this_thread::yield();
    if (left_-- == 0) return std::nullopt;
    ++asked_;
    return row_;
  }
  std::atomic<int> answered{0};

 private:
  int left_;
  std::atomic<int> asked_{0};
  nn::Batch row_;
};

void ensemble(int count, int deadline_us, int quorum, const std::vector<std::string>& workers) {
  nn::client::RemoteOptions options;
  for (const std::string& worker : workers)
    options.endpoints.push_back(nn::net::parse_endpoint("unix:" + worker));
  options.combination = nn::ensemble::parse_combination("mean");
  if (quorum < static_cast<int>(workers.size())) {
    options.quorum = static_cast<std::size_t>(quorum);
    options.deadline = std::chrono::microseconds(deadline_us);
  }
  auto rows = std::make_unique<Rows>(count);
  Rows& source = *rows;
  const auto predictions = nn::client::predict_remote(std::move(rows), options);
  std::vector<double> times;
  for (;;) {
    const auto start = Clock::now();
    if (!predictions->next()) break;
    times.push_back(micros(Clock::now() - start));
    ++source.answered;
  }
  times.erase(times.begin(), times.begin() + count / 10);  // until it is known who is late
  std::sort(times.begin(), times.end());
  fmt::print(R"({{"p50": {:.1f}, "p99": {:.1f}, "max": {:.1f}}})"
             "\n",
             quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 2 && words[0] == "echo") {
      nn::asio::io_context io(1);
      nn::asio::co_spawn(io, serve_echo(io, words[1]), nn::asio::detached);
      io.run();
    } else if (words.size() == 4 && words[0] == "trip") {
      trip(words[1], words[2], std::stoi(words[3]));
    } else if ((words.size() == 4 || words.size() == 5) && words[0] == "load") {
      load(words[1], std::stod(words[2]), std::stoi(words[3]), words.size() == 5 ? words[4] : "");
    } else if ((words.size() == 4 || words.size() == 5) && words[0] == "hostile") {
      nn::bench::attack(words[1], std::stod(words[2]), std::stoi(words[3]),
                        words.size() == 5 ? std::stoi(words[4]) : -1);
    } else if (words.size() == 4 && words[0] == "burn") {
      nn::bench::burn(std::stod(words[1]), std::stoi(words[2]), std::stod(words[3]));
    } else if (words.size() >= 5 && words[0] == "ensemble") {
      ensemble(std::stoi(words[1]), std::stoi(words[2]), std::stoi(words[3]),
               {words.begin() + 4, words.end()});
    } else {
      nn::fail_usage("usage: bench-worker echo|trip|load|hostile|burn|ensemble …");
    }
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-worker: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
