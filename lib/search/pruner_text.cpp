// Pruners as people write them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>
#include <variant>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "search/pruner.hpp"

namespace nn::search {
namespace {

// Rungs of asha that aren't said begin at the last step divided by eta this often.
constexpr int usual_rungs = 3;
constexpr std::int64_t most_steps = 1'000'000'000'000;

struct Field {
  std::string_view key;
  std::variant<double PrunerSpec::*, std::int64_t PrunerSpec::*> member;
  Interval limits;
  bool in_place = false;  // it may stand without its key, in the order of the table
  bool required = false;
};

constexpr Interval percent{.least = 0, .most = 100};
constexpr Interval part{.least = 0, .most = 1};
constexpr Interval any_step{.least = 0, .most = static_cast<double>(most_steps)};
constexpr Interval some_steps{.least = 1, .most = static_cast<double>(most_steps)};
constexpr Interval number{.least = -PrunerSpec::unlimited};

constexpr Field percentile_fields[] = {{"better", &PrunerSpec::percentile, percent, true, true},
                                       {"startup", &PrunerSpec::startup, any_step},
                                       {"warmup", &PrunerSpec::warmup, any_step},
                                       {"interval", &PrunerSpec::interval, some_steps},
                                       {"at-least", &PrunerSpec::at_least, some_steps}};
constexpr Field threshold_fields[] = {{"lower", &PrunerSpec::lower, number, true},
                                      {"upper", &PrunerSpec::upper, number, true},
                                      {"warmup", &PrunerSpec::warmup, any_step},
                                      {"interval", &PrunerSpec::interval, some_steps}};
constexpr Field patient_fields[] = {{"reports", &PrunerSpec::patience, any_step, true, true},
                                    {"delta", &PrunerSpec::delta, interval::not_negative, true}};
constexpr Field rung_fields[] = {{"min", &PrunerSpec::least, some_steps, true},
                                 {"max", &PrunerSpec::most, some_steps, true},
                                 {"eta", &PrunerSpec::eta, {.least = 2, .most = 1000}, true},
                                 {"skip", &PrunerSpec::skip, {.least = 0, .most = 50}}};
constexpr Field wilcoxon_fields[] = {{"p", &PrunerSpec::p, part, true},
                                     {"startup", &PrunerSpec::instances, some_steps}};
constexpr Field population_fields[] = {
    {"interval", &PrunerSpec::interval, some_steps, true, true},
    {"max", &PrunerSpec::most, some_steps, true},
    {"members", &PrunerSpec::members, {.least = 2, .most = PrunerSpec::most_members}},
    {"quantile", &PrunerSpec::quantile, {.most = 0.5, .above = true}},
    {"resample", &PrunerSpec::resample, part}};

// A name that may stand in front. Of several for one kind, the first that a spec agrees with is printed.
struct Form {
  std::string_view name;
  PrunerKind kind;
  std::span<const Field> fields;
  std::string_view flag = {};  // a word that stands alone
};

constexpr Form forms[] = {
    {"none", PrunerKind::none, {}},
    {"median", PrunerKind::percentile, std::span(percentile_fields).subspan(1), "average"},
    {"percentile", PrunerKind::percentile, percentile_fields, "average"},
    {"threshold", PrunerKind::threshold, threshold_fields},
    {"patient", PrunerKind::patient, patient_fields},
    {"asha", PrunerKind::halving, rung_fields, "promote"},
    {"hyperband", PrunerKind::hyperband, std::span(rung_fields).first(3), "promote"},
    {"wilcoxon", PrunerKind::wilcoxon, wilcoxon_fields},
    {"pbt", PrunerKind::population, population_fields},
};

const Form* find_form(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(forms), std::end(forms), [&](const Form& f) { return f.name == name; });
  return found == std::end(forms) ? nullptr : found;
}

const Form& form_of(const PrunerSpec& spec) {
  if (spec.kind == PrunerKind::promotion) return *find_form(spec.brackets ? "hyperband" : "asha");
  return *std::find_if(std::begin(forms), std::end(forms), [&](const Form& f) {
    return f.kind == spec.kind && (f.name != "median" || spec.percentile == 50);
  });
}

std::string text_of(const Form& form) {
  std::string text(form.name), end;
  for (const Field& field : form.fields) {
    std::string upper(field.key);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    if (field.required) {
      text += fmt::format(":{}", upper);
    } else if (field.in_place) {
      text += fmt::format("[:{}", upper);
      end += ']';
    } else {
      text += std::exchange(end, "") + fmt::format("[:{}={}]", field.key, upper);
    }
  }
  text += end;
  if (!form.flag.empty()) text += fmt::format("[:{}]", form.flag);
  if (form.kind == PrunerKind::patient) text += "[:PRUNER]";
  return text;
}

void set(PrunerSpec& spec, const Field& field, std::string_view text) {
  if (const auto* real = std::get_if<double PrunerSpec::*>(&field.member)) {
    spec.** real = parse_number_in(field.key, text, field.limits);
  } else {
    spec.*std::get<std::int64_t PrunerSpec::*>(field.member) =
        parse_count(field.key, text, static_cast<std::int64_t>(field.limits.least),
                    static_cast<std::int64_t>(field.limits.most));
  }
}

double get(const PrunerSpec& spec, const Field& field) {
  if (const auto* real = std::get_if<double PrunerSpec::*>(&field.member)) return spec.**real;
  return static_cast<double>(spec.*std::get<std::int64_t PrunerSpec::*>(field.member));
}

// The words behind the name, as far as they are this pruner's.
class Words {
 public:
  Words(const Form& form, PrunerSpec& spec) : form_(form), spec_(spec) {}

  void take(std::string_view word) {
    if (!form_.flag.empty() && word == form_.flag) {
      if (spec_.kind == PrunerKind::percentile) spec_.average = true;
      if (spec_.kind == PrunerKind::hyperband) spec_.brackets = true;
      if (spec_.kind == PrunerKind::halving || spec_.kind == PrunerKind::hyperband)
        spec_.kind = PrunerKind::promotion;
      return;
    }
    const auto equals = word.find('=');
    if (equals != std::string_view::npos) {
      take_key(word.substr(0, equals), word.substr(equals + 1));
      return;
    }
    if (given_ >= form_.fields.size() || !form_.fields[given_].in_place) fail_form(word);
    // An empty word leaves a value as it is: "threshold::0.9".
    if (!word.empty()) set(spec_, form_.fields[given_], word);
    ++given_;
  }

  void end() const {
    if (given_ == 0 && !form_.fields.empty() && form_.fields[0].required && !named_first_)
      fail_form(form_.name);
  }

 private:
  void take_key(std::string_view key, std::string_view value) {
    std::vector<std::string_view> keys;
    for (const Field& field : form_.fields) {
      keys.push_back(field.key);
      if (field.key != key) continue;
      named_first_ = named_first_ || keys.size() == 1;
      set(spec_, field, value);
      return;
    }
    fail_unknown_name(key, fmt::format("a setting of {}", form_.name), keys);
  }
  [[noreturn]] void fail_form(std::string_view word) const {
    fail_usage("'{}': {} is expected", printable(word), text_of(form_));
  }

  const Form& form_;
  PrunerSpec& spec_;
  std::size_t given_ = 0;
  bool named_first_ = false;
};

void check_inner(const PrunerSpec& spec) {
  for (const PrunerSpec& one : spec.inner) {
    if (one.kind != PrunerKind::promotion && one.kind != PrunerKind::population) continue;
    fail_usage("{} prunes no trials by itself, so that it can't be asked",
               enum_names(one.kind).name_of(one.kind));
  }
}

PrunerSpec parse_words(std::span<const std::string> words) {
  const Form* form = find_form(words[0]);
  if (!form) {
    std::vector<std::string_view> names;
    for (const Form& f : forms) names.push_back(f.name);
    fail_unknown_name(words[0], "a pruner", names);
  }
  PrunerSpec spec;
  spec.kind = form->kind;
  try {
    Words own(*form, spec);
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (spec.kind == PrunerKind::patient && find_form(words[i])) {
        spec.inner.push_back(parse_words(words.subspan(i)));
        break;
      }
      own.take(words[i]);
    }
    own.end();
    check_inner(spec);
    if (spec.lower > spec.upper)
      fail_usage("the lower limit, {}, is over the upper one, {}", spec.lower, spec.upper);
    if (spec.kind == PrunerKind::population && spec.most > 0 && spec.most < spec.interval) {
      fail_usage("the interval, {}, is over the last step, {}", spec.interval, spec.most);
    }
    if (spec.most > 0 && spec.least > spec.most) {
      fail_usage("the first rung, {}, is behind the last step, {}", spec.least, spec.most);
    }
  } catch (const Error& error) {
    throw error.within(form->name);
  }
  return spec;
}

}  // namespace

const EnumNames<PrunerKind>& enum_names(PrunerKind) {
  static constexpr EnumName<PrunerKind> table[] = {
      {PrunerKind::none, "none"},           {PrunerKind::percentile, "percentile"},
      {PrunerKind::threshold, "threshold"}, {PrunerKind::patient, "patient"},
      {PrunerKind::halving, "asha"},        {PrunerKind::promotion, "asha:promote"},
      {PrunerKind::hyperband, "hyperband"}, {PrunerKind::wilcoxon, "wilcoxon"},
      {PrunerKind::population, "pbt"}};
  static constexpr EnumNames<PrunerKind> names{"a pruner", table};
  return names;
}

PrunerSpec PrunerSpec::parse(std::string_view text) { return parse_words(split(text, ':')); }

void PrunerSpec::settle(std::int64_t whole_trial) {
  for (PrunerSpec& one : inner) one.settle(whole_trial);
  if (kind != PrunerKind::halving && kind != PrunerKind::promotion && kind != PrunerKind::hyperband) return;
  const std::string_view name = form_of(*this).name;
  const bool needs_most = kind != PrunerKind::halving || least == 0;
  if (most == 0) most = whole_trial;
  if (most == 0 && needs_most) {
    fail_usage(
        "{}: nothing says how many steps a whole trial has; {}:1:81 is a first rung at 1 and a last step of "
        "81",
        name, name);
  }
  if (least == 0) {
    const bool has_brackets = kind == PrunerKind::hyperband || brackets;
    least = has_brackets ? 1 : most;
    for (int i = 0; i < usual_rungs && !has_brackets; ++i) least = std::max<std::int64_t>(1, least / eta);
  }
  if (most > 0 && least > most) {
    fail_usage("{}: the first rung, {}, is behind the last step, {}", name, least, most);
  }
}

std::string to_string(const PrunerSpec& spec) {
  const Form& form = form_of(spec);
  const PrunerSpec usual;
  std::string text(form.name), values;
  for (const Field& field : form.fields) {
    const double value = get(spec, field);
    const bool is_usual = value == get(usual, field);
    if (field.in_place) {
      values += ':';
      if (!is_usual || field.required) text += std::exchange(values, "") + fmt::format("{}", value);
    } else if (!is_usual) {
      text += fmt::format(":{}={}", field.key, value);
    }
  }
  if (spec.average || spec.kind == PrunerKind::promotion) text += fmt::format(":{}", form.flag);
  if (!spec.inner.empty()) text += ":" + to_string(spec.inner[0]);
  return text;
}

std::vector<std::string> pruner_forms() {
  std::vector<std::string> texts;
  for (const Form& form : forms) texts.push_back(text_of(form));
  return texts;
}

}  // namespace nn::search
