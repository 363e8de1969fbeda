#include "train/run_key.hpp"

#include <fmt/format.h>

#include "catch.hpp"
#include "options/fields.hpp"

using namespace nn;
using namespace nn::train;

namespace {

const Network network = parse_network("dense 8 relu, dense 3");

// As nn-train and a worker make it.
TrainOptions options_of(const std::vector<std::string>& arguments) {
  TrainOptions options;
  apply_arguments(option_list(options), arguments);
  return members_of(options).front();
}

std::string key(const std::vector<std::string>& arguments) {
  return run_key(options_of(arguments), network, {});
}

std::string difference(const std::string& recorded, const std::vector<std::string>& arguments) {
  return difference_of_runs(recorded, options_of(arguments), network);
}

}  // namespace

TEST_CASE("a run's key has what decides on the result and isn't the default") {
  CHECK(key({}) == "net=dense 8 relu, dense 3\n");
  CHECK(key({"--batch=16", "--epochs=7", "--lr=0.1", "--log-every=3", "--optimizer=adam", "--valid=0.2"}) ==
        "batch=16\nlr=0.1\nnet=dense 8 relu, dense 3\nvalid=0.2\n");
  CHECK(key({"--schedule=cosine", "--epochs=7"}) ==
        "epochs=7\nnet=dense 8 relu, dense 3\nschedule=cosine:floor=0\n");
  CHECK(key({"--schedule=cosine", "--epochs=20"}).find("epochs") == std::string::npos);
}

TEST_CASE("every option that decides can be shown") {
  TrainOptions options;
  for (const options::Option& option : option_list(options)) {
    INFO(option.name);
    const bool can = option.field.show != nullptr;
    CHECK((option.effect_of() != options::Effect::model || can));
  }
}

TEST_CASE("a key says what differs, and both values") {
  const std::vector<std::string> table[] = {
      {},
      {"--optimizer=sgd"},
      {"--optimizer=sgd", "--lr=0.01"},
      {"--class-weight=a b=1,c\\=2", "--augment=shift 2, flip", "--warmup=2epochs", "--loss=mse"},
      {"--valid=a\nb.csv", "--standardize", "--share-batches", "--precision=bf16"},
      {"--schedule=step:epochs=3", "--epochs=9", "--epsilon=1e-6", "--ema=0.999", "--early-stopping=3"}};
  for (const auto& arguments : table) {
    INFO(key(arguments));
    CHECK(difference(key(arguments), arguments).empty());
  }
  CHECK(difference(key({}), {"--lr=0.1"}) == "--lr is 0.001 there and 0.1 here");
  CHECK(difference(key({"--valid=0.2"}), {"--batch=16"}) ==
        "--batch is 32 there and 16 here; --valid is 0.2 there and not given here");
  CHECK(difference(key({"--schedule=cosine", "--epochs=5"}), {"--schedule=cosine"}) ==
        "--epochs is 5 there and 20 here");
  CHECK(difference(key({"--schedule=cosine", "--epochs=5"}), {"--epochs=5"}) ==
        "--schedule is cosine:floor=0 there and constant here");
  CHECK(difference("net=dense 4, dense 3\n", {}) ==
        "the network is dense 4, dense 3 there and dense 8 relu, dense 3 here");
  CHECK(difference("future=7\nnet=dense 8 relu, dense 3\n", {}) == "--future is 7 there and not given here");
  CHECK(difference("", {}).find("the network is not given there") != std::string::npos);
}

TEST_CASE("keys of version 0.1 are understood") {
  const auto old = [](std::string_view rest) {
    return fmt::format(
        "optimizer=adam lr=0.001 momentum=0.9 rho=0.9 beta-1=0.9 beta-2=0.999 epsilon=1e-07 "
        "weight-decay=0.004 l2=0 clip-norm=0 {} net=dense 8 relu, dense 3",
        rest);
  };
  const std::string plain = old(
      "batch=32 seed=0 standardize=false valid=0 early-stopping=0 loss=automatic class-weight= accumulate=1 "
      "label-smoothing=0 ema=0 augment=[] schedule=constant warmup=0+0");
  CHECK(difference(plain, {"--no-standardize"}).empty());
  CHECK(difference(plain, {}) == "--no-standardize is on there and not given here");
  CHECK(difference(plain, {"--epochs=99", "--no-standardize"}).empty());
  CHECK(difference(plain, {"--batch=8", "--no-standardize"}) == "--batch is 32 there and 8 here");
  const std::string all =
      old("batch=8 seed=7 standardize=true valid=0.25 early-stopping=4 loss=mse class-weight=a b=1,c=0.5, "
          "accumulate=2 label-smoothing=0.1 ema=0.999 augment=[shift 2, flip] schedule=cosine:floor=0 "
          "warmup=0+2 epochs=30 share-batches precision=bf16");
  const std::vector<std::string> arguments = {"--batch=8",          "--seed=7",
                                              "--standardize",      "--valid=0.25",
                                              "--early-stopping=4", "--loss=mse",
                                              "--accumulate=2",     "--label-smoothing=0.1",
                                              "--ema=0.999",        "--augment=flip,shift 2",
                                              "--schedule=cosine",  "--warmup=2epochs",
                                              "--epochs=30",        "--share-batches",
                                              "--precision=bf16",   "--class-weight=a b=1,c=0.5",
                                              "--valid-seed=7"};
  CHECK(difference(all, arguments) == "");
  const std::string file = old(
      "batch=32 seed=0 standardize=false valid=0v.csv early-stopping=0 loss=automatic class-weight=balanced "
      "accumulate=1 label-smoothing=0 ema=0 augment=[] schedule=constant warmup=5+0");
  CHECK(difference(file, {"--valid=v.csv", "--class-weight=balanced", "--warmup=5", "--no-standardize"}) ==
        "");
  // Broken ones are another run.
  for (const char* broken :
       {"optimizer", "optimizer=", "optimizer=adam lr=x", "optimizer=adam warmup= net="}) {
    CHECK_FALSE(difference(broken, {}).empty());
  }
}

TEST_CASE("with changes allowed, a run goes on with other rates, and with no other network") {
  const auto stage = [](const std::vector<std::string>& before, const std::string& net,
                        const std::vector<std::string>& after, bool between_epochs = true) {
    const std::string recorded = run_key(options_of(before), parse_network(net), {});
    return difference_of_stages(recorded, options_of(after), network, between_epochs);
  };
  const std::string same = "dense 8 relu, dense 3";
  CHECK(stage({"--lr=0.1", "--l2=0.1", "--seed=3", "--schedule=cosine", "--epochs=9"}, same,
              {"--momentum=0.5", "--clip-norm=1", "--batch=16"})
            .empty());
  CHECK(stage({}, "dense 8 relu, dropout 0.5, dense 3", {}).empty());
  CHECK(stage({"--batch=16"}, same, {}, false) == "--batch is 16 there and 32 here");
  CHECK(stage({"--optimizer=sgd"}, same, {}) == "--optimizer is sgd there and adam here");
  CHECK(stage({"--valid=0.2"}, same, {"--lr=0.5"}) == "--valid is 0.2 there and not given here");
  CHECK(stage({}, "dense 9 relu, dense 3", {}) ==
        "the network is dense 9 relu, dense 3 there and dense 8 relu, dense 3 here");
}
