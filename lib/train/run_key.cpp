#include "train/run_key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string_view>

#include "base/numbers.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"

namespace nn::train {
namespace {

constexpr std::string_view network_name = "net";
constexpr std::string_view valid_rows_name = "valid-rows";

// Canonical values by the names of options.
using Values = std::map<std::string, std::string, std::less<>>;

Values values_of(TrainOptions options) {
  Values values;
  for (const options::Option& option : option_list(options)) {
    if (option.effect_of() == options::Effect::model) values[std::string(option.name)] = option.field.show();
  }
  return values;
}

// The defaults of all options that a key may have.
Values default_values() {
  TrainOptions options;
  options.schedule.kind = Schedule::Kind::cosine;
  Values values = values_of(options);
  values["schedule"] = to_string(Schedule{});
  return values;
}

Values without_defaults(Values values) {
  const Values defaults = default_values();
  std::erase_if(values, [&](const auto& entry) {
    const auto known = defaults.find(entry.first);
    return known != defaults.end() && known->second == entry.second;
  });
  return values;
}

Values key_of(const TrainOptions& options, const Network& network) {
  Values values = without_defaults(values_of(options));
  values[std::string(network_name)] = to_string(network);
  return values;
}

// A value on a line of its own.
std::string line_of(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '\n' ? std::string("\\n") : c == '\\' ? std::string("\\\\") : std::string(1, c);
  return out;
}

Values read_lines(std::string_view text) {
  Values values;
  for (const std::string& line : split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string value;
    for (std::size_t i = equals + 1; i < line.size(); ++i) {
      const bool escape = line[i] == '\\' && i + 1 < line.size();
      value += escape ? (line[++i] == 'n' ? '\n' : line[i]) : line[i];
    }
    values[line.substr(0, equals)] = value;
  }
  return values;
}

// Puts keys of version 0.1 into today's words: every value was in them, and some were written otherwise.
void translate(Values& values) {
  const auto replace = [&](std::string_view name, std::string_view was, std::string_view is) {
    const auto found = values.find(name);
    if (found != values.end() && found->second == was) found->second = is;
  };
  if (const auto found = values.find("standardize"); found != values.end() && found->second == "false")
    values["no-standardize"] = "on";  // what was not asked for was not done
  replace("standardize", "false", "");
  replace("standardize", "true", "on");
  replace("loss", "automatic", "");
  replace("augment", "[]", "");
  std::string& augment = values["augment"];
  if (augment.starts_with('[')) augment = augment.substr(1, augment.size() - 2);
  // A fraction and a file behind each other, of which one is 0 or empty.
  std::string& valid = values["valid"];
  const bool file = valid.size() > 1 && valid.starts_with('0') && !valid.starts_with("0.");
  if (valid == "0" || file) valid.erase(0, 1);
  if (valid.starts_with("0.")) values["valid-seed"] = values["seed"];  // there was one seed
  for (const std::string_view name : {"lr", "epsilon", "weight-decay", "l2", "ema", "label-smoothing"}) {
    std::string& number = values[std::string(name)];
    if (number.find('e') != std::string::npos) number = options::show_number(parse_number(number));
  }
  std::string& weights = values["class-weight"];
  if (weights.ends_with(',')) weights.pop_back();
  // Steps and epochs, of which one is 0.
  std::string& warmup = values["warmup"];
  const auto plus = warmup.find('+');
  if (plus != std::string::npos) {
    const std::string epochs = warmup.substr(plus + 1);
    warmup = epochs == "0" ? warmup.substr(0, plus) : epochs + "epochs";
  }
}

// "optimizer=adam lr=0.001 … warmup=0+0[ epochs=20][ share-batches][ precision=bf16] net=…". Values
// may hold spaces, so each ends where the next name begins.
Values read_version_0_1(std::string_view text) {
  constexpr std::array<std::string_view, 23> names = {
      "optimizer",    "lr",         "momentum",        "rho",
      "beta-1",       "beta-2",     "epsilon",         "weight-decay",
      "l2",           "clip-norm",  "batch",           "seed",
      "standardize",  "valid",      "early-stopping",  "loss",
      "class-weight", "accumulate", "label-smoothing", "ema",
      "augment",      "schedule",   "warmup"};
  Values values;
  const auto net = text.rfind(" net=");
  if (net != std::string_view::npos) {
    values[std::string(network_name)] = text.substr(net + 5);
    text = text.substr(0, net);
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    at = std::min(text.size(), at + names[i].size() + 1);
    const std::string next = i + 1 < names.size() ? fmt::format(" {}=", names[i + 1]) : std::string("\n");
    const std::size_t end = std::min(text.find(next, at), text.size());
    values[std::string(names[i])] = text.substr(at, end - at);
    at = std::min(text.size(), end + 1);
  }
  // Version 0.1 added later options behind the last one.
  const std::vector<std::string> last = split(values["warmup"], ' ');
  values["warmup"] = last[0];
  for (std::size_t i = 1; i < last.size(); ++i) {
    const auto equals = last[i].find('=');
    values[last[i].substr(0, equals)] = equals == std::string::npos ? "on" : last[i].substr(equals + 1);
  }
  translate(values);
  return without_defaults(std::move(values));
}

Values read_key(const std::string& recorded) {
  if (recorded.find('\n') == std::string::npos) return read_version_0_1(recorded);
  Values values = read_lines(recorded);
  values.erase(std::string(valid_rows_name));
  return values;
}

// What --allow-changes names in the manual.
constexpr std::array<std::string_view, 15> changeable = {
    "lr",     "freeze",  "schedule",     "warmup", "epochs",          "momentum",  "rho", "beta-1",
    "beta-2", "epsilon", "weight-decay", "l2",     "label-smoothing", "clip-norm", "seed"};
constexpr std::array<std::string_view, 2> changeable_between_epochs = {"batch", "accumulate"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A layer of dropout has no weights: with another rate, or without it, they fit as well.
std::string without_dropout(const std::string& network) {
  Network parsed = parse_network(network);
  std::erase_if(parsed.layers, [](const Layer& layer) { return layer.kind == LayerKind::dropout; });
  return to_string(parsed);
}

std::string shown(const std::string& value) { return value.empty() ? "not given" : printable(value, 200); }

std::string difference_of(const Values& there, const Values& here) {
  const Values defaults = default_values();
  const auto value_in = [&](const Values& values, const std::string& name) {
    const auto found = values.find(name);
    const auto usual = defaults.find(name);
    return found != values.end() ? found->second : usual != defaults.end() ? usual->second : std::string();
  };
  std::vector<std::string> names;
  for (const Values* values : {&there, &here}) {
    for (const auto& [name, value] : *values) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<std::string> differences;
  const bool same_schedule = value_in(there, "schedule") == value_in(here, "schedule");
  for (const std::string& name : names) {
    const std::string a = value_in(there, name), b = value_in(here, name);
    if (a == b || (name == "epochs" && !same_schedule)) continue;
    const std::string what = name == network_name ? "the network" : fmt::format("--{}", printable(name));
    differences.push_back(fmt::format("{} is {} there and {} here", what, shown(a), shown(b)));
  }
  return fmt::format("{}", fmt::join(differences, "; "));
}

}  // namespace

std::string run_key(const TrainOptions& options, const Network& network, const std::string& valid_digest) {
  std::string text;
  for (const auto& [name, value] : key_of(options, network)) {
    text += fmt::format("{}={}\n", name, line_of(value));
  }
  if (!valid_digest.empty()) text += fmt::format("{}={}\n", valid_rows_name, valid_digest);
  return text;
}

bool is_of_valid_rows(const std::string& recorded, const std::string& valid_digest) {
  const Values values = read_lines(recorded);
  const auto found = values.find(valid_rows_name);
  return found == values.end() || found->second == valid_digest;
}

std::string difference_of_runs(const std::string& recorded, const TrainOptions& options,
                               const Network& network) {
  return difference_of(read_key(recorded), key_of(options, network));
}

std::string difference_of_stages(const std::string& recorded, const TrainOptions& options,
                                 const Network& network, bool between_epochs) {
  Values there = read_key(recorded), here = key_of(options, network);
  for (Values* values : {&there, &here}) {
    std::erase_if(*values, [&](const auto& entry) {
      return is_one_of(changeable, entry.first) ||
             (between_epochs && is_one_of(changeable_between_epochs, entry.first));
    });
    std::string& text = (*values)[std::string(network_name)];
    text = without_dropout(text);
  }
  return difference_of(there, here);
}

}  // namespace nn::train
