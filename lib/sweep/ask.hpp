// Asking for trials and telling what became of them, from a shell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/options.hpp"

namespace nn::sweep {

enum class AskFormat : std::uint8_t { sh, json, args, env };
const EnumNames<AskFormat>& enum_names(AskFormat);

struct AskOptions {
  AskFormat format = AskFormat::sh;
  double ttl_s = 7200;           // it is lost when nothing was heard of it for so long
  std::optional<int> owner_pid;  // it is lost when this process has ended
};

// A trial for whoever asks, which is theirs until they tell what became of it: as text with an end of line.
// Unavailable error where there is none, since enough have finished or the space is exhausted.
std::string ask(const SweepOptions& options, const AskOptions& how);

enum class Told : std::uint8_t { complete, pruned, failed };
// Usage errors for a trial that isn't there, Data for one that has ended.
void tell(const std::string& journal, std::uint32_t trial, Told how, const std::vector<double>& values);
// Whether the trial should end: as the study's pruner says.
bool report(const std::string& journal, std::uint32_t trial, std::int64_t step, double value);
bool should_prune(const std::string& journal, std::uint32_t trial);
// A trial that waits to be begun, with values as NAME=VALUE; what isn't said is proposed. Its number.
std::uint32_t enqueue(const std::string& journal, const std::vector<std::string>& values);
// The numbers of new trials with the values of some that failed; of all those, without numbers.
std::vector<std::uint32_t> retry(const std::string& journal, const std::vector<std::uint32_t>& trials);

// A study that exists, to be written to by a command that ends at once.
study::Study open_study(const std::string& journal);
// Usage error where it isn't there.
const study::Trial& trial_of(const study::Study& study, std::uint32_t number);
// The pruner that its header says.
search::PrunerSpec pruner_of(const study::Study& study);

}  // namespace nn::sweep
