// Latencies of workers, by a client that does nothing else. Commands, each answered with a
// line of JSON:
//   bench-worker echo SOCKET                    serves: sends back as many bytes as it is asked for
//   bench-worker trip WORKER ECHO COUNT         round trips of one row, and of the same bytes by echo
//   bench-worker load WORKER SECONDS CLIENTS    clients that ask one row after the other
//   bench-worker ensemble COUNT DEADLINE_US QUORUM WORKER…   one row at a time to all
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
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
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "client/remote_predict.hpp"
#include "net/no_throw.hpp"
#include "protocol/frame.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t width = 64;

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

// ---- a client of plain system calls

class Wire {
 public:
  explicit Wire(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      nn::fail_errno(path);
  }
  void send(const std::string& bytes) { nn::write_all(fd_.get(), std::as_bytes(std::span(bytes)), "worker"); }
  void receive(void* to, std::size_t bytes) {
    for (std::size_t have = 0; have < bytes;) {
      const ssize_t n = ::recv(fd_.get(), static_cast<char*>(to) + have, bytes - have, 0);
      if (n <= 0) nn::fail(nn::ErrorKind::io, "the worker hung up");
      have += static_cast<std::size_t>(n);
    }
  }
  // A frame's kind; its bytes are dropped.
  nn::wire::Message frame() {
    input_.resize(1 << 16);
    ssize_t have = ::recv(fd_.get(), input_.data(), input_.size(), 0);
    if (have < 24) nn::fail(nn::ErrorKind::io, "the worker hung up");
    std::uint32_t control = 0;
    std::uint64_t body = 0;
    std::memcpy(&control, input_.data() + 4, sizeof control);
    std::memcpy(&body, input_.data() + 8, sizeof body);
    size = 24 + control + body;
    if (static_cast<std::size_t>(have) < size)
      receive(input_.data() + have, size - static_cast<std::size_t>(have));
    return flatbuffers::GetRoot<nn::wire::Frame>(input_.data() + 24)->message_type();
  }
  std::size_t size = 0;  // of the last frame

 private:
  nn::UniqueFd fd_;
  std::vector<char> input_;
};

std::string bytes_of(const nn::protocol::OutgoingFrame& frame) {
  std::string bytes = frame.head;
  frame.body.for_each([&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  });
  return bytes;
}

std::shared_ptr<const nn::Schema> table() {
  auto schema = std::make_shared<nn::Schema>();
  nn::Field field;
  field.name = "x";
  field.shape = {width};
  schema->fields.push_back(field);
  return schema;
}

nn::Batch row() {
  nn::Buffer values(width * sizeof(float));
  std::fill_n(values.as<float>(), width, 0.5f);
  return {table(), 0, 1, {nn::make_column(std::move(values))}};
}

class RowClient {
 public:
  explicit RowClient(const std::string& path) : wire(path), writer_(*table()) {
    auto& b = maker_.builder();
    wire.send(bytes_of(
        maker_.finish(0, nn::wire::CreateHello(b, nn::protocol::protocol_version, 0, 0, 64u << 20))));
    wire.frame();
    wire.send(bytes_of(maker_.finish(0, nn::wire::CreateOpen(b, 1, 0, 0), writer_.take())));
    if (wire.frame() != nn::wire::Message::Opened) nn::fail_data("the worker refuses the table");
    writer_.write(row());
    request = bytes_of(maker_.finish(1, nn::wire::CreatePredict(b, 1, 0), writer_.take()));
  }
  bool ask() {
    wire.send(request);
    return wire.frame() == nn::wire::Message::Answer;
  }
  Wire wire;
  std::string request;

 private:
  nn::protocol::FrameMaker maker_;
  nn::format::MessageWriter writer_;
};

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

void load(const std::string& worker, double seconds, int clients) {
  std::vector<std::thread> threads;
  std::vector<std::vector<double>> times(static_cast<std::size_t>(clients));
  std::atomic<int> failed{0};
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (auto& mine : times) {
    threads.emplace_back([&] {
      try {
        RowClient client(worker);
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
    } else if (words.size() == 4 && words[0] == "load") {
      load(words[1], std::stod(words[2]), std::stoi(words[3]));
    } else if (words.size() >= 5 && words[0] == "ensemble") {
      ensemble(std::stoi(words[1]), std::stoi(words[2]), std::stoi(words[3]),
               {words.begin() + 4, words.end()});
    } else {
      nn::fail_usage("usage: bench-worker echo|trip|load|ensemble …");
    }
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-worker: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
