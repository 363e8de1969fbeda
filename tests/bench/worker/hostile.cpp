#include "hostile.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "wire_client.hpp"

namespace nn::bench {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

double processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string hello() {
  protocol::FrameMaker maker;
  return bytes_of(
      maker.finish(0, wire::CreateHello(maker.builder(), protocol::protocol_version, 0, 0, 64u << 20)));
}

std::string open_of(const Schema& schema) {
  protocol::FrameMaker maker;
  format::MessageWriter writer(schema);
  auto& b = maker.builder();
  return bytes_of(maker.finish(1, wire::CreateOpen(b, 1, b.CreateString(""), 0), writer.take()));
}

// A body of 60 MB, as it was promised and not as it should be.
std::string large_body() {
  constexpr std::size_t size = 60'000'000;
  protocol::FrameMaker maker;
  return hello() + open_of(*table()) +
         bytes_of(maker.finish(2, wire::CreatePredict(maker.builder(), 1, 0),
                               protocol::message_of_bytes(std::string(size, 'x'))));
}

std::string many_keys() {
  Schema schema = *table();
  for (int i = 0; i < 80'000; ++i) schema.metadata.set(fmt::format("key {}", i), "value");
  return hello() + open_of(schema);
}

// Rows of a text column whose dictionary grows with each of 200 small batches.
std::string many_deltas() {
  auto schema = std::make_shared<Schema>();
  Field field;
  field.name = "x";
  field.type = DType::category;
  schema->fields.push_back(field);
  format::MessageWriter writer(*schema);
  protocol::FrameMaker maker;
  auto& b = maker.builder();
  std::string out =
      hello() + bytes_of(maker.finish(1, wire::CreateOpen(b, 1, b.CreateString(""), 0), writer.take()));
  auto words = std::make_shared<Dictionary>();
  for (int i = 0; i < 200; ++i) {
    auto more = std::make_shared<Dictionary>(*words);
    more->append(fmt::format("word {}", i));
    words = more;
    Buffer indices(sizeof(std::int32_t));
    *indices.as<std::int32_t>() = i;
    Column column = make_column(std::move(indices));
    column.dictionary = words;
    writer.write({schema, 0, 1, {column}});
  }
  return out + bytes_of(maker.finish(2, wire::CreatePredict(b, 1, 0), writer.take()));
}

// Sends what the worker takes until the end of the time, or it hangs up.
void send_until(int fd, std::string_view bytes, Clock::time_point end) {
  while (!bytes.empty() && Clock::now() < end) {
    const ssize_t n =
        ::send(fd, bytes.data(), std::min<std::size_t>(bytes.size(), 256 << 10), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) return;
    pollfd ready{fd, POLLOUT, 0};
    ::poll(&ready, 1, 100);
  }
}

// Takes what comes, until the worker hangs up or the time is over.
void wait_for_end(int fd, Clock::time_point end) {
  char bytes[4096];
  while (Clock::now() < end) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, 50) > 0 && ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) return;
  }
}

}  // namespace

void attack(const std::string& worker, double seconds, int clients, int only) {
  const std::vector<std::string> attacks = {large_body(), many_keys(), many_deltas(), "", hello() + "nnw1"};
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::atomic<long> connections{0};
  std::vector<std::thread> threads;
  for (int c = 0; c < clients; ++c) {
    threads.emplace_back([&, c] {
      const std::size_t kind = static_cast<std::size_t>(only < 0 ? c : only) % attacks.size();
      while (Clock::now() < end) {
        try {
          const Wire wire(worker);
          ++connections;
          send_until(wire.descriptor(), attacks[kind], end);
          // Who hangs up in the middle doesn't wait; the others see what is said to them.
          if (kind != 4) wait_for_end(wire.descriptor(), std::min(end, Clock::now() + 2s));
        } catch (const Error&) {  // nobody listens any more, or not now
        }
        std::this_thread::sleep_for(20ms);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  fmt::print("{{\"cpu\": {:.3f}, \"connections\": {}}}\n", processor_time(), connections.load());
}

void burn(double seconds, int clients, double cpu_seconds) {
  constexpr auto piece = 20ms;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const double pieces = seconds / std::chrono::duration<double>(piece).count();
  const double share = cpu_seconds / clients / pieces;
  std::vector<std::thread> threads;
  for (int c = 0; c < clients; ++c) {
    threads.emplace_back([&] {
      double owed = 0;
      const auto own_time = [] {
        timespec t{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
      };
      while (Clock::now() < end) {
        owed += share;
        while (own_time() < owed && Clock::now() < end) {
        }
        std::this_thread::sleep_for(piece);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  fmt::print("{{\"cpu\": {:.3f}}}\n", processor_time());
}

}  // namespace nn::bench
