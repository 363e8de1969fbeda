// What a trial says about itself: reports, in lines of JSON, in text that a regular expression finds, or as
// the last number that it prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nn::sweep {

// How one of several that a trial trains together has ended, before the process does.
struct MemberEnd {
  bool finished = false;  // its result is there
  std::string reason;     // of one that failed
};

// Numbers of a step. Names are as the trial gives them, of nested objects with dots between:
// "valid.accuracy".
struct Report {
  std::optional<std::int64_t> step;
  std::optional<std::int64_t> member;  // of a trial that trains several
  std::optional<MemberEnd> end;        // of that member: {"end":"finished","member":3}
  std::map<std::string, double, std::less<>> metrics;
};

// A line of a JSON object; nothing for any other line, and for an object that has neither numbers nor a
// member's end. The step is "step", or else "epoch". NaN and Infinity, as Python writes them, are numbers.
std::optional<Report> parse_report(std::string_view line);

// Where a trial's metrics come from, besides the descriptor that each trial has for them.
struct MetricSource {
  bool standard_output = true;  // lines of JSON there count
  // With a group: what it catches is the metric's value. A second group, in front, is a step.
  std::string expression;
  bool operator==(const MetricSource&) const = default;
};
// Usage error for an expression that is none, or has no group.
void check(const MetricSource& source);

// Takes a trial's output as it comes. A line that is longer than 64 KiB is skipped.
class MetricReader {
 public:
  // `name` is that of the metric that an expression finds.
  MetricReader(const MetricSource& source, std::string name);
  ~MetricReader();
  // Calls told(report) for each that is complete.
  template <typename Told>
  void take(std::string_view bytes, Told told) {
    for (pending_ += bytes; auto report = next();) told(std::move(*report));
  }
  // The last line that has no end.
  std::optional<Report> end();
  // The number that the last line with something in it ends with, if it does: "accuracy: 0.93", "0.93".
  std::optional<double> last_number() const { return last_number_; }

 private:
  std::optional<Report> next();
  std::optional<Report> line(std::string_view text);
  struct Expression;
  MetricSource source_;
  std::string name_, pending_;
  std::size_t taken_ = 0;  // bytes of pending_
  std::unique_ptr<Expression> expression_;
  std::optional<double> last_number_;
  bool skipping_ = false;
};

}  // namespace nn::sweep
