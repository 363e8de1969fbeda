#include "serve/access_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json_lines.hpp"
#include "base/text.hpp"

namespace nn::serve {
namespace {

constexpr std::size_t many_bytes = 32 << 10;   // that a thread collects before it hands them over
constexpr std::size_t longest_text = 1 << 10;  // of a path, an error …

void append_text(std::string& out, std::string_view text) {
  const auto is_plain = [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; };
  text = text.substr(0, longest_text);
  if (!std::all_of(text.begin(), text.end(), is_plain)) {
    out += json_quoted(text);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

// Keys are literals: ",\"id\":".
void append(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  out += key;
  append_text(out, text);
}

template <typename Integer>
void append_number(std::string& out, std::string_view key, Integer value) {
  const fmt::format_int text(value);
  out += key;
  out.append(text.data(), text.size());
}

void append_phases(std::string& out, const LogEntry::Phases& us) {
  out += ",\"us\":";
  char separator = '{';
  const auto add = [&](std::string_view key, std::chrono::microseconds time) {
    if (time.count() < 0) return;
    out += std::exchange(separator, ',');
    append_number(out, key, time.count());
  };
  add("\"read\":", us.read);
  add("\"parse\":", us.parse);
  add("\"queue\":", us.queue);
  add("\"compute\":", us.compute);
  add("\"write\":", us.write);
  add("\"total\":", us.total);
  out += '}';
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

void AccessLog::Thread::append_time() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(log_.clock_.date());
  const auto ms = now.time_since_epoch().count();
  if (ms / 1000 != second_) {
    second_ = ms / 1000;
    date_ = fmt::format("{:%FT%T}.", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  }
  const auto part = static_cast<int>(ms % 1000);
  lines_ += date_;
  lines_ += static_cast<char>('0' + part / 100);
  lines_ += static_cast<char>('0' + part / 10 % 10);
  lines_ += static_cast<char>('0' + part % 10);
}

bool AccessLog::Thread::add(const LogEntry& entry) {
  const bool first = lines_.empty();
  std::string& out = lines_;
  out += "{\"t\":\"";
  append_time();
  out += "Z\"";
  append(out, ",\"id\":", entry.id);
  append(out, ",\"peer\":", entry.peer);
  append(out, ",\"token\":", entry.token);
  append(out, ",\"proto\":", entry.protocol);
  append(out, ",\"m\":", entry.method);
  append(out, ",\"path\":", entry.path);
  append_number(out, entry.grpc ? ",\"grpc_status\":" : ",\"status\":", entry.status);
  append(out, ",\"model\":", entry.model);
  if (entry.version != 0) append_number(out, ",\"version\":", entry.version);
  append(out, ",\"route\":", entry.route);
  if (entry.rows > 0) append_number(out, ",\"rows\":", entry.rows);
  append_number(out, ",\"bytes_in\":", entry.bytes_in);
  append_number(out, ",\"bytes_out\":", entry.bytes_out);
  append_phases(out, entry.us);
  if (entry.step_rows > 0) append_number(out, ",\"batch\":", entry.step_rows);
  append(out, ",\"trace\":", entry.trace);
  append(out, ",\"err\":", entry.error);
  if (!entry.sent) out += ",\"gone\":true";
  out += "}\n";
  ++count_;
  log_.lines_.fetch_add(1, std::memory_order_relaxed);
  if (out.size() >= many_bytes) flush();
  return first && !out.empty();
}

void AccessLog::Thread::flush() {
  if (lines_.empty()) return;
  std::string next;
  next.reserve(lines_.capacity());
  lines_.swap(next);
  log_.writer_.add(std::move(next), std::exchange(count_, 0));
}

}  // namespace nn::serve
