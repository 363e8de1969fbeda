#include "cases.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/random.hpp"
#include "nn/initialise.hpp"

namespace bench {
namespace {

constexpr std::string_view small = "dense 32 relu, dense";
constexpr std::string_view medium = "dense 256 relu, dense 128 relu, dense";
constexpr std::string_view large = "dense 1024 relu, dense 1024 relu, dense";
constexpr std::string_view cnn =
    "conv2d 32 3x3 relu, conv2d 64 3x3 relu, max_pool2d 2, flatten, dense 128 relu, dense";

std::string_view name_of(Work work) {
  switch (work) {
    case Work::train: return "train";
    case Work::predict: return "predict";
    case Work::devices: return "devices";
  }
  return "";
}

}  // namespace

const std::vector<Case>& all_cases() {
  using nn::backend::OptimizerKind;
  static const std::vector<Case> cases{
      {"train-small", Work::train, small, {64}, 32, OptimizerKind::momentum},
      {"train-medium", Work::train, medium, {784}, 128, OptimizerKind::adam},
      {"train-large", Work::train, large, {1024}, 512, OptimizerKind::adam},
      {"train-cnn", Work::train, cnn, {28, 28, 1}, 128, OptimizerKind::adam},
      {"predict-one", Work::predict, medium, {784}, 1},
      {"predict-many", Work::predict, medium, {784}, 512},
      {"devices-small", Work::devices, small, {64}, 32, OptimizerKind::momentum},
      {"devices-medium", Work::devices, medium, {784}, 128, OptimizerKind::adam},
      {"devices-large", Work::devices, large, {1024}, 512, OptimizerKind::adam},
      {"devices-cnn", Work::devices, cnn, {28, 28, 1}, 128, OptimizerKind::adam},
  };
  return cases;
}

const Case& find_case(std::string_view name) {
  const auto& cases = all_cases();
  const auto found = std::find_if(cases.begin(), cases.end(), [&](const Case& c) { return c.name == name; });
  if (found == cases.end()) nn::fail_usage("there is no case '{}'; see --list", name);
  return *found;
}

std::string describe_cases() {
  std::string out;
  for (const Case& c : all_cases()) {
    out += fmt::format(
        R"({}{{"case": "{}", "work": "{}", "net": "{}", "input": [{}], "outputs": {}, "batch": {}, "optimizer": "{}"}})",
        out.empty() ? "[" : ",\n ", c.name, name_of(c.work), c.net, fmt::join(c.input, ", "), outputs,
        c.batch, nn::backend::name_of(c.optimizer));
  }
  return out + "]\n";
}

nn::Plan plan_of(const Case& c) {
  nn::Network network = nn::parse_network(c.net);
  nn::resolve(network, c.input, outputs);
  return nn::lower(network, nn::Loss::categorical_crossentropy);
}

Subject::Subject(const Case& c, nn::backend::Backend& backend) : training_(c.work != Work::predict) {
  const nn::Plan plan = plan_of(c);
  const auto count = static_cast<std::size_t>(plan.parameter_count);
  parameters_ = nn::Buffer(count * sizeof(float));
  nn::initialise(plan, 1, {parameters_.as<float>(), count});
  nn::RandomStream random(1, nn::RandomUse::shuffle);
  x_.resize(static_cast<std::size_t>(c.batch * plan.inputs));
  for (float& v : x_) v = static_cast<float>(random.normal());
  for (std::int64_t i = 0; i < c.batch; ++i)
    labels_.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(outputs))));
  y_.resize(static_cast<std::size_t>(c.batch * outputs));
  examples_ = {c.batch, x_.data(), labels_.data(), nullptr, nullptr};
  nn::backend::ProgramOptions options;
  options.batch = c.batch;
  options.training = training_;
  options.optimizer.kind = c.optimizer;
  program_ = backend.compile(plan, options, parameters_.as<float>());
}

}  // namespace bench
