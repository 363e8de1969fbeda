#include "serve/access_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/json_lines.hpp"
#include "base/json_text.hpp"

namespace nn::serve {
namespace {

constexpr std::size_t many_bytes = 64 << 10;   // that a thread collects before it hands them over
constexpr std::size_t longest_text = 1 << 10;  // of a path, an error …
constexpr std::size_t most_besides = 1 << 10;  // bytes of a line that are no texts

// No more than a text takes up: "\u001f" is the longest form of a byte.
std::size_t room_for(std::string_view text) { return 6 * std::min(text.size(), longest_text) + 2; }

// Writes where there is room. Keys are literals: ",\"id\":".
class LineText {
 public:
  explicit LineText(char* at) : at_(at) {}
  const char* end() const { return at_; }

  void add(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  // Nothing where the text is empty.
  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    add(key);
    value = value.substr(0, longest_text);
    if (plain_in_json(value) != value.size()) return add(json_quoted(value));
    *at_++ = '"';
    add(value);
    *at_++ = '"';
  }
  template <typename Integer>
  void number(std::string_view key, Integer value) {
    constexpr std::size_t longest = 20;
    add(key);
    at_ = std::to_chars(at_, at_ + longest, value).ptr;
  }

 private:
  char* at_;
};

void add_phases(LineText& line, const LogEntry::Phases& us) {
  std::string_view begin = ",\"us\":{";
  const auto add = [&](std::string_view key, std::chrono::microseconds time) {
    if (time.count() < 0) return;
    line.add(std::exchange(begin, ","));
    line.number(key, time.count());
  };
  add("\"read\":", us.read);
  add("\"parse\":", us.parse);
  add("\"queue\":", us.queue);
  add("\"compute\":", us.compute);
  add("\"write\":", us.write);
  add("\"total\":", us.total);
  line.add("}");
}

std::string dropped_line(const Clock& clock, std::uint64_t lines) {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(clock.date());
  return fmt::format("{{\"t\":\"{:%FT%T}.{:03d}Z\",\"dropped\":{}}}\n",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     now.time_since_epoch().count() % 1000, lines);
}

}  // namespace

AccessLog::AccessLog(const std::string& path, double sample, serving::LogLimits limits, const Clock& clock)
    : clock_(clock),
      sample_(sample),
      writer_(
          path, [&clock](std::uint64_t lines) { return dropped_line(clock, lines); }, limits, clock) {}

bool AccessLog::Thread::wants(bool failed, std::chrono::microseconds total) {
  const double sample = log_.sample_.load(std::memory_order_relaxed);
  if (failed || total >= slow || sample >= 1) return true;
  // xorshift64* of Vigna: which ones they are need not be secret.
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  constexpr double scale = 0x1p-53;
  return static_cast<double>((random_ * 0x2545F4914F6CDD1DULL) >> 11) * scale < sample;
}

// "{"t":"2026-11-28T15:25:22.017Z"", of which most changes once a second.
std::string_view AccessLog::Thread::beginning() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(log_.clock_.date());
  const auto ms = now.time_since_epoch().count();
  if (ms / 1000 != second_) {
    second_ = ms / 1000;
    beginning_ =
        fmt::format("{{\"t\":\"{:%FT%T}.000Z\"", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  }
  const auto part = static_cast<int>(ms % 1000);
  char* const digits = beginning_.data() + beginning_.size() - std::string_view("000Z\"").size();
  digits[0] = static_cast<char>('0' + part / 100);
  digits[1] = static_cast<char>('0' + part / 10 % 10);
  digits[2] = static_cast<char>('0' + part % 10);
  return beginning_;
}

bool AccessLog::Thread::add(const LogEntry& entry) {
  const bool first = lines_.empty();
  const std::size_t begin = lines_.size();
  std::size_t room = most_besides;
  for (const std::string_view text : {entry.id, entry.peer, entry.token, entry.protocol, entry.method,
                                      entry.path, entry.model, entry.route, entry.trace, entry.error})
    room += room_for(text);
  lines_.resize(begin + room);
  LineText line(lines_.data() + begin);
  line.add(beginning());
  line.text(",\"id\":", entry.id);
  line.text(",\"peer\":", entry.peer);
  line.text(",\"token\":", entry.token);
  line.text(",\"proto\":", entry.protocol);
  line.text(",\"m\":", entry.method);
  line.text(",\"path\":", entry.path);
  line.number(entry.grpc ? ",\"grpc_status\":" : ",\"status\":", entry.status);
  line.text(",\"model\":", entry.model);
  if (entry.version != 0) line.number(",\"version\":", entry.version);
  line.text(",\"route\":", entry.route);
  if (entry.rows > 0) line.number(",\"rows\":", entry.rows);
  line.number(",\"bytes_in\":", entry.bytes_in);
  line.number(",\"bytes_out\":", entry.bytes_out);
  add_phases(line, entry.us);
  if (entry.step_rows > 0) line.number(",\"batch\":", entry.step_rows);
  line.text(",\"trace\":", entry.trace);
  line.text(",\"err\":", entry.error);
  line.add(entry.sent ? std::string_view("}\n") : ",\"gone\":true}\n");
  lines_.resize(static_cast<std::size_t>(line.end() - lines_.data()));
  ++count_;
  log_.lines_.fetch_add(1, std::memory_order_relaxed);
  if (lines_.size() >= many_bytes) flush();
  return first && !lines_.empty();
}

void AccessLog::Thread::flush() {
  if (!lines_.empty()) log_.writer_.take(lines_, std::exchange(count_, 0));
}

}  // namespace nn::serve
