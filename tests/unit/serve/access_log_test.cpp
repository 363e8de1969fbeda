#include "serve/access_log.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

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
  }
  const auto lines = file.lines();
  REQUIRE(lines.size() == 3);
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
