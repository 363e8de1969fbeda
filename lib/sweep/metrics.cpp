#include "sweep/metrics.hpp"

#include <boost/regex.hpp>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

constexpr std::size_t longest_line = 64 << 10;
constexpr std::size_t deepest = 8;
std::optional<double> number_in_text(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

// What a line says, with the two texts of its own that count.
struct Gathered {
  Report report;
  std::string_view end, error;  // {"end":"failed","error":"…"}
};

void gather(JsonCursor& json, const std::string& prefix, Gathered& to) {
  json.object([&](std::string_view key) {
    const char next = json.peek();
    std::optional<double> number;
    if (next == '{') return gather(json, prefix + std::string(key) + '.', to);
    if (next == '"') {
      const std::string_view text = json.string();
      if (prefix.empty() && key == "end") to.end = text;
      if (prefix.empty() && key == "error") to.error = text;
      number = number_in_text(text);
    } else if (next == 't' || next == 'f') {
      number = json.boolean() ? 1 : 0;
    } else if (next == '[' || next == 'n') {
      json.skip();
    } else {
      number = json.number();
    }
    if (number) to.report.metrics.insert_or_assign(prefix + std::string(key), *number);
  });
}

std::optional<std::int64_t> take_whole(Report& report, std::string_view name) {
  const auto found = report.metrics.find(name);
  if (found == report.metrics.end()) return std::nullopt;
  const double value = found->second;
  if (!(value >= 0 && value < 0x1p53 && value == std::floor(value))) return std::nullopt;
  report.metrics.erase(found);
  return static_cast<std::int64_t>(value);
}

std::optional<MemberEnd> end_of(const Gathered& said) {
  if (said.end.empty()) return std::nullopt;
  MemberEnd out;
  out.finished = said.end == "finished";
  if (said.end == "failed") out.reason = said.error;
  return out;
}

// A number at the end of a word: "0.93", "0.93,", "accuracy=0.93".
std::optional<double> number_in(std::string_view word) {
  while (!word.empty() && std::string_view(".,;:%)]}").find(word.back()) != std::string_view::npos) {
    word.remove_suffix(1);
  }
  word.remove_prefix(word.find_last_of("=:([{") + 1);
  if (word == "nan" || word == "NaN") return std::numeric_limits<double>::quiet_NaN();
  // Of all that a trial prints most is no number, and to learn that from an exception takes microseconds a
  // word.
  if (word.empty() || std::string_view("+-.0123456789").find(word.front()) == std::string_view::npos)
    return std::nullopt;
  try {
    return parse_number(word);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

struct MetricReader::Expression {
  boost::regex regex;
};

std::optional<Report> parse_report(std::string_view line) {
  line = trim(line);
  if (!line.starts_with('{') || line.size() > longest_line) return std::nullopt;
  std::deque<std::string> unescaped;
  JsonCursor json(line, unescaped, deepest);
  Gathered said;
  gather(json, "", said);
  if (!json.ok() || !json.at_end()) return std::nullopt;
  Report& report = said.report;
  report.member = take_whole(report, "member");
  // Trainers that say both count batches by steps, and what they are compared by is an epoch's.
  report.step = take_whole(report, "epoch");
  if (!report.step) report.step = take_whole(report, "step");
  if (report.member) report.end = end_of(said);
  if (report.metrics.empty() && !report.end) return std::nullopt;
  return std::move(report);
}

void check(const MetricSource& source) {
  if (source.expression.empty()) return;
  try {
    const boost::regex regex(source.expression);
    if (regex.mark_count() == 0) {
      fail_usage("'{}' has no group, such as ([0-9.]+), that the number is in", printable(source.expression));
    }
  } catch (const boost::regex_error& error) {
    fail_usage("'{}' is not a regular expression: {}", printable(source.expression), error.what());
  }
}

MetricReader::MetricReader(const MetricSource& source, std::string name)
    : source_(source), name_(std::move(name)) {
  if (!source.expression.empty())
    expression_ = std::make_unique<Expression>(Expression{boost::regex(source.expression)});
}

MetricReader::~MetricReader() = default;

std::optional<Report> MetricReader::next() {
  for (;;) {
    const auto end = pending_.find('\n', taken_);
    if (end == std::string::npos) {
      pending_.erase(0, std::exchange(taken_, 0));
      if (pending_.size() > longest_line) {
        pending_.clear();
        skipping_ = true;
      }
      return std::nullopt;
    }
    const std::string_view text = std::string_view(pending_).substr(taken_, end - taken_);
    taken_ = end + 1;
    if (std::exchange(skipping_, false)) continue;
    if (auto report = line(text)) return report;
  }
}

std::optional<Report> MetricReader::end() {
  if (skipping_ || pending_.empty()) return std::nullopt;
  return line(std::exchange(pending_, {}));
}

std::optional<Report> MetricReader::line(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (expression_) {
    boost::match_results<std::string_view::const_iterator> match;
    try {
      if (!boost::regex_search(text.begin(), text.end(), match, expression_->regex)) return std::nullopt;
    } catch (const std::runtime_error&) {  // it gives up rather than take a time without end
      return std::nullopt;
    }
    const auto group = [&](int i) { return number_in(std::string_view(match[i].first, match[i].second)); };
    const bool has_step = match.size() > 2 && match[2].matched;
    const auto value = group(has_step ? 2 : 1);
    if (!value) return std::nullopt;
    Report report;
    report.metrics.emplace(name_, *value);
    if (const auto step = has_step ? group(1) : std::nullopt; step && *step >= 0) {
      report.step = static_cast<std::int64_t>(*step);
    }
    return report;
  }
  if (auto report = source_.standard_output ? parse_report(text) : std::nullopt) return report;
  for (const std::string& word : split(text, ' ')) {
    if (const auto number = number_in(trim(word))) last_number_ = number;
  }
  return std::nullopt;
}

}  // namespace nn::sweep
