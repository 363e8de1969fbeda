#include "sweep/ask.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "sweep/fidelity.hpp"
#include "sweep/pruning.hpp"

namespace nn::sweep {
namespace {

std::string text_of(const study::Asked& asked, const study::Trial& trial, const search::Space& space,
                    AskFormat format) {
  std::string out, json = "{";
  const auto add = [&](const std::string& name, const std::string& text, const std::string& value_json,
                       bool is_parameter) {
    switch (format) {
      case AskFormat::sh:
        out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, shell_quoted(text));
        break;
      case AskFormat::env:
        out += fmt::format("{}{}={}\n", is_parameter ? "NN_PARAM_" : "NN_SWEEP_",
                           is_parameter      ? name
                           : name == "trial" ? "TRIAL"
                                             : "SEED",
                           text);
        break;
      case AskFormat::args:
        if (is_parameter) out += fmt::format("{}--{}={}", out.empty() ? "" : " ", name, shell_quoted(text));
        break;
      case AskFormat::json:
        json += fmt::format("{}{}:{}", json.size() > 1 ? "," : "", json_quoted(name), value_json);
    }
  };
  const auto number = [&](const std::string& name, std::uint64_t value) {
    add(name, std::to_string(value), std::to_string(value), false);
  };
  number("trial", asked.run.number);
  number("seed", trial.seed);
  for (std::size_t p = 0; p < space.size(); ++p) {
    if (std::isnan(asked.point[p])) continue;
    const search::Parameter& parameter = space.parameters()[p];
    const std::string value = json_of(parameter, asked.point[p]);
    add(parameter.name, parameter.text_of(asked.point[p]), value, true);
  }
  if (format == AskFormat::json) return json + "}\n";
  return format == AskFormat::env ? out : out + '\n';
}

void say_notes(study::Study& study) {
  for (const std::string& note : study.take_notes()) warn("{}", note);
}

study::Run run_of(const study::Trial& trial) { return {trial.number, trial.attempt}; }

// After a commit a trial may be another object than before.
void expect_done(study::Outcome outcome, const study::Study& study, std::uint32_t number) {
  if (outcome == study::Outcome::done) return;
  const study::Trial& trial = trial_of(study, number);
  if (outcome == study::Outcome::ended) {
    fail_data("trial {} has ended already, as {}", trial.number,
              enum_names(trial.state).name_of(trial.state));
  }
  fail_data("trial {} is another's: somebody took it for lost, or another program has it", trial.number);
}

// The study's own options, where a command has none of its own.
search::SamplerOptions sampler_of(const study::Study& study) {
  search::SamplerOptions sampler;
  const study::Header* header = study.header();
  if (header == nullptr) return sampler;
  sampler.seed = header->seed;
  if (const auto kind = header->settings.find("sampler"); kind != header->settings.end()) {
    sampler.kind = enum_names(sampler.kind).parse(kind->second);
  }
  if (const auto startup = header->settings.find("startup-trials"); startup != header->settings.end()) {
    sampler.startup = static_cast<std::size_t>(parse_count(startup->second, 1));
  }
  return sampler;
}

}  // namespace

const EnumNames<AskFormat>& enum_names(AskFormat) {
  static constexpr EnumName<AskFormat> table[] = {
      {AskFormat::sh, "sh"}, {AskFormat::json, "json"}, {AskFormat::args, "args"}, {AskFormat::env, "env"}};
  static constexpr EnumNames<AskFormat> names{"a format", table};
  return names;
}

const study::Trial& trial_of(const study::Study& study, std::uint32_t number) {
  const auto& trials = study.log().trials;
  if (number < trials.size()) return trials[number];
  if (trials.empty()) fail_usage("there is no trial {}: the journal has none yet", number);
  fail_usage("there is no trial {}; the last one is {}", number, trials.size() - 1);
}

study::Study open_study(const std::string& journal) {
  study::Opening opening;
  opening.create = false;
  study::Study study(journal, opening, {.worker = study::make_run_id()});
  say_notes(study);
  return study;
}

search::PrunerSpec pruner_of(const study::Study& study) {
  search::PrunerSpec spec;
  const study::Header* header = study.header();
  if (header == nullptr) return spec;
  const auto text = header->settings.find("pruner");
  if (text == header->settings.end()) return spec;
  spec = search::PrunerSpec::parse(text->second);
  spec.settle();
  return spec;
}

std::string ask(const SweepOptions& o, const AskOptions& how) {
  const bool defines = !o.parameters.empty() || !o.space_file.empty();
  study::Study study =
      defines ? study::Study(o.journal, opening_of(o, space_of(o)), {.worker = study::make_run_id()})
              : open_study(o.journal);
  say_notes(study);
  if (has_stages(defines ? o.pruner : pruner_of(study))) {
    throw make_error(ErrorKind::usage,
                     "trials of this study go on in stages, which nobody can ask for one by one")
        .advise("; run does that");
  }
  const search::SamplerOptions sampler = defines ? [&] {
    search::SamplerOptions own = o.sampler;
    own.seed = o.seed;
    return own;
  }() : sampler_of(study);
  study::Start start;
  start.ttl_s = how.ttl_s;
  const std::string owner = how.owner_pid ? study::process_id(*how.owner_pid) : std::string();
  start.owner = owner;
  study::NoTrial why{};
  const auto asked = study.ask({o.trials.value_or(SIZE_MAX)}, propose_by(sampler), start, &why);
  if (!asked) {
    fail(ErrorKind::unavailable, "{}",
         why == study::NoTrial::enough ? "there are as many trials as were asked for"
                                       : "all points of the space are tried, or being tried");
  }
  return text_of(*asked, study.log().trials[asked->run.number], study.space(), how.format);
}

void tell(const std::string& journal, std::uint32_t number, Told how, const std::vector<double>& values) {
  study::Study study = open_study(journal);
  const study::Run run = run_of(trial_of(study, number));
  const std::size_t objectives = study.log().directions.size();
  if (how == Told::complete && values.size() != objectives) {
    fail_usage("{} values are given; the study has {} objectives", values.size(), objectives);
  }
  if (how != Told::complete && !values.empty())
    fail_usage("a trial that is pruned or has failed has no value");
  const study::State state = how == Told::complete ? study::State::complete
                             : how == Told::pruned ? study::State::pruned
                                                   : study::State::failed;
  study::Outcome outcome{};
  study.commit(study::Durable::yes, [&](study::Change& change) {
    study::Ending ending;
    if (how == Told::failed) ending.reason = "told so";
    outcome = change.end(run, state, values, ending);
  });
  expect_done(outcome, study, number);
}

bool report(const std::string& journal, std::uint32_t number, std::int64_t step, double value) {
  study::Study study = open_study(journal);
  const study::Run run = run_of(trial_of(study, number));
  study::Outcome outcome{};
  study.commit(study::Durable::yes,
               [&](study::Change& change) { outcome = change.report(run, step, value); });
  expect_done(outcome, study, number);
  return should_prune(journal, number);
}

bool should_prune(const std::string& journal, std::uint32_t number) {
  const study::Study study = study::Study::read(journal);
  trial_of(study, number);
  Pruning pruning(pruner_of(study), study.log().directions);
  bool prune = false;
  pruning.update(
      study.log(), [number](std::uint32_t other) { return other == number; },
      [&](const search::Decision&) { prune = true; });
  return prune;
}

std::uint32_t enqueue(const std::string& journal, const std::vector<std::string>& values) {
  study::Study study = open_study(journal);
  std::map<std::string, std::string> fixed;
  for (const std::string& text : values) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) fail_usage("'{}': NAME=VALUE is expected", printable(text));
    fixed[text.substr(0, equals)] = text.substr(equals + 1);
  }
  study::check_fixed(study.space(), fixed);
  std::uint32_t number = 0;
  study.commit(study::Durable::yes, [&](study::Change& change) { number = change.enqueue(fixed); });
  return number;
}

std::vector<std::uint32_t> retry(const std::string& journal, const std::vector<std::uint32_t>& trials) {
  study::Study study = open_study(journal);
  std::vector<std::uint32_t> which = trials;
  for (const std::uint32_t number : which) {
    const study::Trial& trial = trial_of(study, number);
    if (trial.state != study::State::failed) {
      fail_usage("trial {} has not failed: it is {}", number, enum_names(trial.state).name_of(trial.state));
    }
  }
  if (which.empty()) {
    for (const study::Trial& trial : study.log().trials) {
      if (trial.state == study::State::failed) which.push_back(trial.number);
    }
  }
  std::vector<std::uint32_t> made;
  study.commit(study::Durable::yes, [&](study::Change& change) {
    made.clear();
    for (const std::uint32_t number : which) made.push_back(change.retry(number));
  });
  return made;
}

}  // namespace nn::sweep
