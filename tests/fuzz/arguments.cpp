// What a client says to a worker that trains: arguments, a line each. Whatever gets through is
// within the limits that the options have, is shown as something that gets through again and means
// the same, and names no file.
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "fuzz.hpp"
#include "options/option.hpp"
#include "train/run_key.hpp"

using namespace nn;

namespace {

options::List travelling(train::TrainOptions& options) {
  options::List list = train::option_list(options);
  std::erase_if(list, [](const options::Option& option) { return !may_travel(option); });
  return list;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  const std::string text(fuzz::as_text(choices.rest()));
  fuzz::accepts([&] {
    train::TrainOptions given;
    const options::List list = travelling(given);
    apply_arguments(list, split(text, '\n'));
    if (!given.output.empty() || !given.log.empty() || !given.checkpoint.empty()) {
      fuzz::broken_promise("a file is named", text);
    }
    std::vector<std::string> told;
    for (const options::Option& option : list) {
      if (!option.field.show) continue;
      const std::string value = option.field.show();
      if (value.empty() || value == "0" || value == "0s" || option.excludes == "layers") continue;
      told.push_back(option.is_flag() ? option.flag_name() : option.flag_name() + "=" + value);
    }
    if (!given.net.empty())
      std::erase_if(told, [](const std::string& word) { return word.starts_with("--layers="); });
    train::TrainOptions again;
    apply_arguments(travelling(again), told);
    if (members_of(given).size() != 1 || members_of(again).size() != 1) return;
    const Network network;
    const std::string key = train::run_key(members_of(given)[0], network, {});
    const std::string difference = train::difference_of_runs(key, members_of(again)[0], network);
    if (!difference.empty()) fuzz::broken_promise("not the same run", difference);
  });
  fuzz::accepts([&] {
    const Network network;
    (void)train::difference_of_runs(text, train::TrainOptions{}, network);
  });
  return 0;
}
