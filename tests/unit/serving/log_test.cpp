#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/lasting_fault.hpp"
#include "catch.hpp"
#include "full_disk.hpp"
#include "manual_clock.hpp"
#include "messages.hpp"
#include "serving/event_log.hpp"

namespace fs = std::filesystem;
using namespace nn;
using nlohmann::json;
using test::Messages;

namespace {

class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "nn-log-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // as every tool does
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string fifo(const std::string& name) const {
    REQUIRE(::mkfifo(file(name).c_str(), 0600) == 0);
    return file(name);
  }

 private:
  std::string path_;
};

UniqueFd open_reader(const std::string& fifo) {
  UniqueFd fd(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ::fcntl(fd.get(), F_SETFL, 0);
  return fd;
}

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

std::string line_from(int fd) {
  std::string line;
  for (char c = 0; ::read(fd, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace

TEST_CASE("a log whose reader pauses drops lines, and says how many: none is lost without a word") {
  const Folder folder;
  const std::string path = folder.fifo("log");
  UniqueFd reader = open_reader(path);
  constexpr std::uint64_t written = 20'000;
  std::string text;
  auto log = std::make_unique<serving::EventLog>(path, serving::LogLimits{5000, std::chrono::minutes(5)});
  for (std::uint64_t i = 0; i < written; ++i) log->write("one", {{"number", i}});
  std::thread reads([&] {
    std::string bytes(1 << 16, '\0');
    for (ssize_t n; (n = ::read(reader.get(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes, 0, static_cast<std::size_t>(n));
  });
  log.reset();
  reads.join();
  std::uint64_t seen = 0, dropped = 0, next = 0;
  for (const json& line : lines_of(text)) {
    if (line["event"] == "dropped") {
      dropped += line["lines"].get<std::uint64_t>();
      next += line["lines"].get<std::uint64_t>();
    } else {
      CHECK(line["number"] == next);
      ++next;
      ++seen;
    }
  }
  CHECK(dropped > 0);
  CHECK(seen + dropped == written);
}

TEST_CASE("a log that can't be written warns when that begins, each minute, and when it ends") {
  const Folder folder;
  const std::string path = folder.fifo("log");
  UniqueFd reader = open_reader(path);
  test::ManualClock clock;
  const Messages messages;
  serving::EventLog log(path, {}, clock);
  log.write("first", {});
  CHECK(json::parse(line_from(reader.get()))["event"] == "first");
  reader.reset();
  log.write("lost", {});
  CHECK(messages.next().ends_with("log: nobody reads it; lines of the log are lost until it can be written"));
  clock.advance(std::chrono::minutes(1));
  log.write("lost", {});
  CHECK(messages.next().ends_with("log: nobody reads it; 2 lines of the log are lost so far"));
  reader = open_reader(path);
  log.write("back", {});
  const json dropped = json::parse(line_from(reader.get()));
  CHECK(dropped["event"] == "dropped");
  CHECK(dropped["lines"] == 2);
  CHECK(json::parse(line_from(reader.get()))["event"] == "back");
  CHECK(messages.next().ends_with("log: the log can be written again; 2 lines were lost"));
}

TEST_CASE("a log that can't be opened anew goes on in the old file") {
  const Folder folder;
  const std::string path = folder.file("log");
  const Messages messages;
  {
    serving::EventLog log(path);
    log.write("before", {});
    fs::rename(path, folder.file("old"));
    fs::create_directory(path);
    log.reopen();
    log.write("between", {});
    CHECK(messages.next().ends_with("log: Is a directory; the log goes on in the file that was open"));
    fs::remove(path);
    log.reopen();
    log.write("after", {});
  }
  const auto events = [&](const std::string& name) {
    std::ifstream in(folder.file(name));
    std::string all;
    for (std::string line; std::getline(in, line);)
      all += json::parse(line)["event"].get<std::string>() + " ";
    return all;
  };
  CHECK(events("old") == "before between ");
  CHECK(events("log") == "after ");
}

TEST_CASE("what waits for a stuck reader at the end is given up in time") {
  const Folder folder;
  const std::string path = folder.fifo("log");
  const UniqueFd reader = open_reader(path);
  const Messages messages;
  {
    serving::EventLog log(path, {.bytes = 1 << 20, .flush = std::chrono::milliseconds(1)});
    for (int i = 0; i < 2000; ++i) log.write("one", {{"text", std::string(200, 'x')}});
  }
  CHECK(messages.next().ends_with("lines of the log could not be written"));
}

TEST_CASE(
    "what a reader who stops costs adds up: lines, those that the log says, and those of the last words") {
  const Folder folder;
  const std::string path = folder.fifo("log");
  const UniqueFd reader = open_reader(path);
  REQUIRE(::fcntl(reader.get(), F_SETPIPE_SZ, 4096) == 4096);  // less than may wait
  const Messages messages;
  constexpr std::uint64_t lines = 7;
  std::uint64_t offered = 0;
  std::string text;
  std::uint64_t dropped_meanwhile = 0;
  {
    serving::LogWriter log(
        path, [](std::uint64_t count) { return "{\"dropped\":" + std::to_string(count) + "}\n"; },
        {.bytes = 20'000, .flush = std::chrono::milliseconds(1)});
    std::string block;
    for (std::uint64_t i = 0; i < lines; ++i) block += "{\"text\":\"" + std::string(50 + i, 'x') + "\"}\n";
    const auto add = [&] {
      log.add(block, lines);
      offered += lines;
    };
    while (log.dropped() == 0) add();
    while (text.find("dropped") == text.npos) {  // it reads, until it reads of that
      add();
      std::string some(2000, '\0');
      const ssize_t got = ::read(reader.get(), some.data(), some.size());
      text.append(some, 0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
    for (int i = 0; i < 1000; ++i) add();  // and then no more
    dropped_meanwhile = log.dropped();
  }
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  std::string rest(1 << 20, '\0');
  for (ssize_t n; (n = ::read(reader.get(), rest.data(), rest.size())) > 0;)
    text.append(rest, 0, static_cast<std::size_t>(n));
  std::uint64_t whole = 0, said = 0, last = 0;
  std::istringstream in(text.substr(0, text.rfind('\n') + 1));
  for (std::string line; std::getline(in, line);) {
    const json object = json::parse(line);
    object.contains("dropped") ? said += object["dropped"].get<std::uint64_t>() : ++whole;
  }
  for (const std::string& message : messages.take()) {
    const auto at = message.find("the last ");
    if (at != message.npos) last = std::stoull(message.substr(at + 9));
  }
  CHECK(whole > 0);
  CHECK(said > 0);
  CHECK(last > 0);
  CHECK(whole + said + last == offered);
  CHECK(dropped_meanwhile <= said + last);
}

TEST_CASE("a fault that comes and goes is told at most once a minute") {
  test::ManualClock clock;
  LastingFault fault(clock);
  CHECK_FALSE(fault.passed());
  const auto begins = fault.came();
  REQUIRE(begins);
  CHECK((begins->times == 1 && begins->begins));
  CHECK_FALSE(fault.came());
  CHECK(fault.passed() == 2);
  CHECK_FALSE(fault.passed());
  CHECK_FALSE(fault.came());
  CHECK_FALSE(fault.passed());
  CHECK_FALSE(fault.came());
  clock.advance(std::chrono::minutes(1));
  const auto again = fault.came();
  REQUIRE(again);
  CHECK((again->times == 3 && again->begins));
  clock.advance(std::chrono::minutes(1));
  const auto lasts = fault.came();
  REQUIRE(lasts);
  CHECK((lasts->times == 4 && !lasts->begins));
  CHECK(fault.passed() == 4);
}

TEST_CASE("a full disk tears no line of a log, and it is known how many are missing") {
  const Folder folder;
  const std::string path = folder.file("log");
  const Messages messages;
  constexpr std::uint64_t written = 200;
  {
    serving::EventLog log(path);
    {
      const test::FullDisk full(2000);
      for (std::uint64_t i = 0; i < written; ++i) log.write("one", {{"number", i}});
      CHECK_THAT(messages.next(), Catch::Contains("lines of the log are lost until it can be written"));
    }
    log.write("one", {{"number", written}});
  }
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  std::uint64_t seen = 0, dropped = 0;
  for (const json& line : lines_of(text.str())) {
    if (line["event"] == "dropped") {
      dropped += line["lines"].get<std::uint64_t>();
    } else {
      ++seen;
    }
  }
  CHECK(dropped > 0);
  CHECK(seen + dropped == written + 1);
}
