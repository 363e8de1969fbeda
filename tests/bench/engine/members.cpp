// Many networks at once against as many one after the other, both in this process and on its
// first core: bench-members TRAIN.arrows COUNT EPOCHS FOLDER, a JSON object of processor times.
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "timing.hpp"
#include "train/train.hpp"

namespace {

double seconds_of(const nn::train::TrainOptions& options) {
  const double start = bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  nn::train::train(options);
  return bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 5) nn::fail_usage("usage: bench-members TRAIN.arrows COUNT EPOCHS FOLDER");
    nn::train::TrainOptions options;
    options.source.inputs = {argv[1]};
    options.layers = "32";
    options.optimizer.kind = nn::backend::OptimizerKind::momentum;
    options.epochs = static_cast<std::uint64_t>(nn::parse_integer(argv[3]));
    options.device.cores = {nn::backend::process_cores().front()};
    options.output = fmt::format("{}/member.nn", argv[4]);
    const std::int64_t count = nn::parse_integer(argv[2]);

    double one_by_one = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      options.seed = static_cast<std::uint64_t>(i);
      one_by_one += seconds_of(options);
    }
    options.seed = 0;
    options.members.count = count;
    options.members.share_batches = true;
    fmt::print(R"({{"one_by_one_s": {}, "at_once_s": {}}})"
               "\n",
               one_by_one, seconds_of(options));
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-members: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
