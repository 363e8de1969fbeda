#include "serve/access_log.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "../allocated.hpp"
#include "catch.hpp"
#include "manual_clock.hpp"

using namespace nn;
using namespace nn::serve;
using nlohmann::json;

namespace {

class Log {
 public:
  Log()
      : path_((std::filesystem::temp_directory_path() / "nn-access-log").string() +
              std::to_string(::getpid())) {}
  ~Log() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }
  std::vector<json> lines() const {
    std::vector<json> out;
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
  }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("a request is a line of JSON, whatever is in it", "[log]") {
  Log file;
  test::ManualClock clock;
  {
    AccessLog log(file.path(), 1, {}, clock);
    AccessLog::Thread thread(log);
    LogEntry entry;
    entry.id = "q7";
    entry.peer = "127.0.0.1:50312";
    entry.protocol = "v2";
    entry.method = "POST";
    entry.path = "/v2/\"\\\n\xff";
    entry.status = 200;
    entry.model = "iris";
    entry.version = 3;
    entry.rows = 2;
    entry.us.compute = std::chrono::microseconds(95);
    entry.us.total = std::chrono::microseconds(254);
    CHECK(thread.add(entry));
    entry.grpc = true;
    const std::string long_error(5000, 'x');
    entry.error = long_error;
    entry.sent = false;
    CHECK_FALSE(thread.add(entry));
    thread.flush();
    CHECK(thread.add({}));
    CHECK(log.lines() == 3);
    // As long as any: it needs all the room there is.
    const std::string escaped(2000, '\x01');
    LogEntry longest;
    longest.id = longest.peer = longest.protocol = longest.method = longest.path = escaped;
    longest.model = longest.route = longest.token = longest.trace = longest.error = escaped;
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    longest.version = longest.bytes_in = longest.bytes_out = most;
    longest.rows = longest.step_rows = std::numeric_limits<std::int64_t>::max();
    constexpr auto longest_time = std::chrono::microseconds::max();
    longest.us = {longest_time, longest_time, longest_time, longest_time, longest_time, longest_time};
    longest.status = std::numeric_limits<int>::min();
    longest.grpc = true;
    longest.sent = false;
    thread.add(longest);
  }
  const auto lines = file.lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[3]["err"] == std::string(1024, '\x01'));
  CHECK(lines[3]["bytes_out"] == std::numeric_limits<std::uint64_t>::max());
  CHECK(lines[0]["t"] == "2027-01-15T08:00:00.000Z");
  CHECK(lines[0]["path"] == "/v2/\"\\\n\xEF\xBF\xBD");
  CHECK(lines[0]["us"] == json{{"compute", 95}, {"total", 254}});
  CHECK(lines[0]["status"] == 200);
  CHECK_FALSE(lines[0].contains("gone"));
  CHECK(lines[1]["grpc_status"] == 200);
  CHECK(lines[1]["err"].get<std::string>().size() == 1024);
  CHECK(lines[1]["gone"] == true);
  CHECK_FALSE(lines[2].contains("model"));
}

TEST_CASE("lines are the same bytes as ever, and cost no memory once there have been as many", "[log]") {
  Log file;
  test::ManualClock clock;
  AccessLog log(file.path(), 1, {}, clock);
  AccessLog::Thread thread(log);
  LogEntry entry;
  entry.id = "q7";
  entry.path = "/v2/models/iris/infer";
  entry.status = 200;
  entry.bytes_in = 17;
  entry.us.read = std::chrono::microseconds(0);
  entry.us.total = std::chrono::microseconds(254);
  const std::string line =
      R"({"t":"2027-01-15T08:00:00.000Z","id":"q7","path":"/v2/models/iris/infer","status":200,"bytes_in":17,)"
      R"("bytes_out":0,"us":{"read":0,"total":254}})"
      "\n";
  std::size_t bytes = 0;
  const std::filesystem::path path(file.path());
  const auto write = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) thread.add(entry);
    bytes += count * line.size();
    thread.flush();
    while (std::filesystem::file_size(path) < bytes) std::this_thread::yield();
  };
  for (int i = 0; i < 10; ++i) write(1000);
  const test::AllocatedBytes allocated;
  for (int i = 0; i < 10; ++i) write(1000);
  CHECK(allocated.count() <=
        40);  // of 10,000 lines: pieces of the queue of blocks, and blocks that aren't back yet
  std::ifstream in(file.path());
  std::string first(line.size(), ' ');
  in.read(first.data(), static_cast<std::streamsize>(first.size()));
  CHECK(first == line);
}

TEST_CASE("a part of the requests is logged, and all that failed or were slow", "[log]") {
  Log file;
  AccessLog log(file.path(), 0.25);
  AccessLog::Thread thread(log);
  int logged = 0;
  for (int i = 0; i < 10000; ++i) logged += thread.wants(false, {}) ? 1 : 0;
  CHECK(logged > 2200);
  CHECK(logged < 2800);
  log.set_sample(0);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(thread.wants(false, std::chrono::milliseconds(999)));
  CHECK(thread.wants(true, {}));
  CHECK(thread.wants(false, AccessLog::slow));
}

TEST_CASE("lines for a file that takes none are dropped and counted", "[log]") {
  Log file;
  serving::LogLimits limits;
  limits.bytes = 1;
  {
    AccessLog log(file.path(), 1, limits);
    AccessLog::Thread thread(log);
    for (int i = 0; i < 5; ++i) thread.add({});
    thread.flush();
    CHECK(log.dropped() == 5);
  }
  const auto lines = file.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["dropped"] == 5);
}
