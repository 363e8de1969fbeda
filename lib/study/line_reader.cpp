#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/json_cursor.hpp"
#include "base/text.hpp"
#include "study/line.hpp"

namespace nn::study {
namespace {

bool is_ascii(std::string_view text) {
  std::uint64_t bits = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + i, 8);
    bits |= eight;
  }
  for (; i < text.size(); ++i) bits |= std::uint64_t{static_cast<unsigned char>(text[i])} << 56;
  return (bits & 0x8080808080808080) == 0;
}

void clear(Line& line) {
  line.worker = line.study_name = line.start = line.end = line.parameter = line.distribution = line.nn = {};
  line.study.reset();
  line.trial.reset();
  line.check.reset();
  line.state.reset();
  line.step.reset();
  line.value = 0;
  line.has_distributions = line.is_ours = false;
  line.directions.clear();
  line.values.clear();
  line.parameters.clear();
  line.attributes.clear();
  line.reports.clear();
  line.unescaped.clear();
}

class LineReader {
 public:
  LineReader(std::string_view text, Line& line) : line_(line), json_(text, line.unescaped, max_nesting) {}

  std::optional<std::string> read() {
    clear(line_);
    json_.object([&](std::string_view key) { member(key); });
    if (json_.ok() && !json_.at_end()) json_.fail("something behind its end");
    if (!json_.ok()) return fmt::format("not a line of a journal: {}", json_.fault());
    line_.is_ours = line_.worker.starts_with(worker_prefix);
    return missing();
  }

 private:
  // Keys that come twice count as the last one says, as in Python.
  void member(std::string_view key) {
    if (key == "op_code") return op();
    if (key == "worker_id") return text(line_.worker);
    if (key == "trial_id") return number(line_.trial);
    if (key == "study_id") return number(line_.study);
    if (key == "state") return number(line_.state);
    if (key == "values") return values();
    if (key == "value") return single_value();
    if (key == "datetime_start") return text(line_.start);
    if (key == "datetime_complete") return text(line_.end);
    if (key == "params") return parameters();
    if (key == "distributions") return distributions();
    if (key == "user_attrs" || key == "user_attr") return attributes(false);
    if (key == "system_attrs" || key == "system_attr") return attributes(true);
    if (key == "intermediate_values") return reports();
    if (key == "nn") {
      line_.nn = json_.skip();
      return;
    }
    rare_member(key);
  }

  void rare_member(std::string_view key) {
    if (key == "step") {
      line_.step = json_.integer();
    } else if (key == "intermediate_value" || key == "param_value_internal") {
      line_.value = json_.number();
    } else if (key == "param_name") {
      text(line_.parameter);
    } else if (key == "distribution") {
      text(line_.distribution);
    } else if (key == "study_name") {
      text(line_.study_name);
    } else if (key == "directions") {
      line_.directions.clear();
      json_.array([&] { line_.directions.push_back(json_.count()); });
    } else if (key == "t") {
      check();
    } else {
      json_.skip();
    }
  }

  void op() {
    has_op_ = true;
    const std::uint64_t op = json_.count();
    if (json_.ok() && op > static_cast<std::uint64_t>(Op::discard_trials))
      return json_.fail("no known op_code");
    line_.op = static_cast<Op>(op);
  }

  // Other programs may have a "t" that is something else.
  void check() {
    const std::string_view value = json_.skip();
    std::uint64_t check = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), check);
    if (read.ec == std::errc() && read.ptr == value.data() + value.size()) line_.check = check;
  }

  void text(std::string_view& to) {
    if (json_.take_null()) {
      to = {};
    } else {
      to = json_.string();
    }
  }
  void number(std::optional<std::uint64_t>& to) {
    if (json_.take_null()) {
      to.reset();
    } else {
      to = json_.count();
    }
  }

  void values() {
    if (json_.take_null()) return;
    line_.values.clear();
    json_.array([&] { line_.values.push_back(json_.number()); });
  }
  void single_value() {
    if (json_.take_null()) return;
    line_.values.assign(1, json_.number());
  }
  void parameters() {
    line_.parameters.clear();
    json_.object([&](std::string_view name) { line_.parameters.push_back({name, json_.number()}); });
  }

  void distributions() {
    line_.has_distributions = true;
    json_.peek();
    if (!line_.distributions_json.empty() && json_.rest().starts_with(line_.distributions_json)) {
      return json_.advance(line_.distributions_json.size());
    }
    const std::string_view object = json_.skip();
    line_.distributions.clear();
    line_.distributions_unescaped.clear();
    line_.distributions_json.assign(object);
    ++line_.distributions_version;
    JsonCursor inner(line_.distributions_json, line_.distributions_unescaped, max_nesting);
    inner.object([&](std::string_view name) { line_.distributions.push_back({name, inner.string()}); });
    if (inner.ok()) return;
    line_.distributions_json.clear();
    line_.distributions.clear();
    json_.fail("distributions that are not texts");
  }

  void attributes(bool system) {
    std::erase_if(line_.attributes, [&](const Line::AttributeText& a) { return a.system == system; });
    json_.object([&](std::string_view key) { line_.attributes.push_back({key, json_.skip(), system}); });
  }

  void reports() {
    line_.reports.clear();
    json_.object([&](std::string_view key) {
      std::int64_t step = 0;
      const auto read = std::from_chars(key.data(), key.data() + key.size(), step);
      const double value = json_.take_null() ? std::numeric_limits<double>::quiet_NaN() : json_.number();
      if (read.ec != std::errc() || read.ptr != key.data() + key.size())
        return json_.fail("a step that is no number");
      line_.reports.emplace_back(step, value);
    });
  }

  // What an op can't do without.
  std::optional<std::string> missing() const {
    const auto lacks = [](std::string_view key) { return std::optional(fmt::format("it lacks {}", key)); };
    if (!has_op_) return lacks("op_code");
    const bool of_trial = line_.op >= Op::parameter && line_.op <= Op::trial_system_attribute;
    if (of_trial && !line_.trial) return lacks("trial_id");
    if (!of_trial && line_.op != Op::create_study && line_.op != Op::discard_trials && !line_.study) {
      return lacks("study_id");
    }
    if (line_.op == Op::state && (!line_.state || *line_.state >= state_count)) return lacks("a known state");
    if (line_.op == Op::create_trial && line_.state && *line_.state >= state_count)
      return lacks("a known state");
    if (line_.op == Op::report && !line_.step) return lacks("step");
    const bool right_directions =
        !line_.directions.empty() && std::all_of(line_.directions.begin(), line_.directions.end(),
                                                 [](auto d) { return d == 1 || d == 2; });
    if (line_.op == Op::create_study && !right_directions) return lacks("directions of 1 and 2");
    return std::nullopt;
  }

  Line& line_;
  JsonCursor json_;
  bool has_op_ = false;
};

void ending_member(std::string_view key, Ending& ending, JsonCursor& json, bool& known) {
  known = true;
  if (key == "exit") {
    ending.exit_status = static_cast<int>(json.integer());
  } else if (key == "reason") {
    ending.reason = json.string();
  } else if (key == "wall") {
    ending.wall_s = json.number();
  } else if (key == "user") {
    ending.user_s = json.number();
  } else if (key == "rss") {
    ending.memory_kb = json.integer();
  } else {
    known = false;
  }
}

}  // namespace

std::optional<std::string> parse_line(std::string_view text, Line& line) {
  if (text.empty()) return "an empty line";
  if (text.size() > max_line_bytes)
    return fmt::format("a line of {} bytes; {} are taken", text.size(), max_line_bytes);
  if (const std::size_t first = text.find_first_not_of(" \t\r"); first == text.npos || text[first] != '{')
    return "not a line of a journal: it is no JSON object";
  if (!is_ascii(text) && !is_utf8(text)) return "not a line of a journal: its bytes are no UTF-8";
  return LineReader(text, line).read();
}

bool parse_own_keys(std::string_view object, OwnKeys& keys, std::deque<std::string>& unescaped) {
  JsonCursor json(object, unescaped, max_nesting);
  json.object([&](std::string_view key) {
    if (json.take_null()) return;
    bool known = true;
    ending_member(key, keys.ending, json, known);
    if (known) return;
    if (key == "k") {
      keys.attempt = json.count();
    } else if (key == "seed") {
      keys.seed = json.count();
    } else if (key == "known") {
      keys.known = json.count();
    } else if (key == "sampler") {
      keys.sampler = json.string();
    } else if (key == "owner") {
      keys.owner = json.string();
    } else if (key == "from") {
      keys.from = json.string();
    } else if (key == "date") {
      keys.date = json.string();
    } else if (key == "parent") {
      keys.parent = json.integer();
    } else if (key == "budget") {
      keys.budget = json.number();
    } else if (key == "ttl") {
      keys.ttl_s = json.number();
    } else if (key == "lost") {
      keys.lost = json.boolean();
    } else if (key == "t") {
      keys.elapsed_s = json.number();
    } else if (key == "metrics") {
      keys.metrics = json.skip();
    } else {
      json.skip();
    }
  });
  return json.ok() && json.at_end();
}

}  // namespace nn::study
