// The table of trials as JSON, for the page's script.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json_lines.hpp"
#include "base/text.hpp"
#include "chart/page.hpp"
#include "chart/scale.hpp"

namespace nn::chart {
namespace {

constexpr std::size_t longest_text = 120;
constexpr std::size_t longest_name = 200;

// A text as JSON that can't end the element that it stands in, with control characters as they are printed.
std::string quoted(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : json_quoted(printable(text, limit)))
    out += c == '<' ? std::string("\\u003c") : std::string(1, c);
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "null";
  return std::isinf(value) ? quoted(short_number(value), 9) : short_number(value, 6);
}

std::string labels_of(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) out += (out.empty() ? "" : ",") + quoted(label, longest_name);
  return ",\"text\":1,\"labels\":[" + out + "]";
}

std::string row_of(const Results& results, const Result& trial) {
  std::string row = fmt::format(
      "[{},{}", trial.number,
      std::find(state_names().begin(), state_names().end(), trial.state_name()) - state_names().begin());
  for (const double value : trial.values) row += ',' + number(value);
  for (std::size_t d = 0; d < results.dimensions.size(); ++d) {
    const double value = trial.parameters[d];
    row += ',';
    row += results.dimensions[d].has_labels() && !std::isnan(value) ? fmt::format("{:.0f}", value)
                                                                    : number(value);
  }
  row += ',' + (std::isnan(trial.seconds()) ? "null" : short_number(trial.seconds(), 4));
  row += ',' + (std::isnan(trial.begin_s) ? "null" : std::to_string(trial.slot));
  row += ',' + (trial.reason.empty() ? "null" : quoted(trial.reason, longest_text));
  return row + ']';
}

}  // namespace

std::vector<std::string> table_columns(const Results& results) {
  std::vector<std::string> names{"trial", "state"};
  for (const Goal& goal : results.goals) names.push_back(goal.name);
  for (const Dimension& dimension : results.dimensions) names.push_back(dimension.name);
  names.insert(names.end(), {"seconds", "slot", "reason"});
  return names;
}

std::string page_data(const Results& results, std::size_t most_bytes, std::size_t& rows) {
  const std::vector<std::string> names = table_columns(results);
  std::string columns;
  for (std::size_t c = 0; c < names.size(); ++c) {
    columns += fmt::format("{}{{\"name\":{}", c > 0 ? "," : "", quoted(names[c], longest_name));
    const std::size_t first = 2 + results.goals.size();
    if (c == 1) {
      const std::vector<std::string> states(state_names().begin(), state_names().end());
      columns += labels_of(states);
    } else if (c >= first && c < first + results.dimensions.size()) {
      if (const Dimension& d = results.dimensions[c - first]; d.has_labels()) columns += labels_of(d.labels);
    } else if (names.size() - c == 2) {
      columns += labels_of(results.slots);
    } else if (names.size() - c == 1) {
      columns += ",\"text\":1";
    }
    columns += '}';
  }
  std::vector<std::string> all;
  std::size_t bytes = 0;
  for (const Result& trial : results.trials) {
    all.push_back(row_of(results, trial));
    bytes += all.back().size() + 1;
  }
  const std::size_t most = bytes <= most_bytes ? all.size() : all.size() * most_bytes / bytes;
  // The best first, then those that can't be the best by number: the order in which they are shown at first.
  const auto ranked = results.ranked(0);
  std::vector<bool> chosen(all.size());
  for (const std::size_t place : thinned(all.size(), ranked, most)) chosen[place] = true;
  std::string table;
  rows = 0;
  const auto add = [&](std::size_t place) {
    if (!chosen[place]) return;
    table += (table.empty() ? "" : ",") + all[place];
    chosen[place] = false;
    ++rows;
  };
  for (const std::size_t place : ranked) add(place);
  for (std::size_t place = 0; place < all.size(); ++place) add(place);
  const auto best = results.goals.size() == 1 ? results.best(0) : std::nullopt;
  return fmt::format("{{\"columns\":[{}],\"rows\":[{}],\"best\":{}}}", columns, table,
                     best ? std::to_string(results.trials[*best].number) : "null");
}

}  // namespace nn::chart
