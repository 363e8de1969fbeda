// Journals that were written once are read for ever.
#include <fstream>

#include "../catch.hpp"
#include "base/file.hpp"
#include "dump.hpp"
#include "fake_file.hpp"
#include "study/columns.hpp"
#include "study/study.hpp"

using namespace nn;
using namespace nn::study;

namespace {

const std::string folder = NN_STUDY_DATA;

std::string text_of(const std::string& path) { return read_text(path, std::size_t{1} << 24); }

}  // namespace

TEST_CASE("Optuna's golden journal is what Optuna makes of it") {
  const std::string path = folder + "/optuna.jsonl";
  for (const char* name : {"main", "other"}) {
    Study study = Study::read(path, name);
    INFO(name);
    CHECK(study.take_notes().empty());
    CHECK(test::dump(study.log()) == text_of(folder + "/optuna." + name));
  }
  Study study = Study::read(path, "main");
  CHECK(study.header() == nullptr);
  CHECK(study.objectives()[0].name == "loss");
  CHECK(study.history().parameters.size() == 7);
  CHECK_THROWS_WITH(Study::read(path), Catch::Contains("several studies"));
  CHECK_THROWS_WITH(Study::read(path, "gone"), Catch::Contains("no study 'gone'"));
}

// The first format. It was written by unit-study with NN_WRITE_GOLDEN=PATH; later ones are put beside it.
TEST_CASE("our golden journal of format 1") {
  const std::string path = folder + "/format-1.jsonl";
  if (const char* to = std::getenv("NN_WRITE_GOLDEN")) {
    test::ManualClock clock;
    Opening opening;
    opening.name = "digits";
    opening.objectives = {{"accuracy", Direction::maximize}};
    opening.header =
        Header{.version = "0.1.0",
               .command = {"nn-train", "--lr", "{lr}"},
               .space = {"lr=loguniform:0.0001:0.1", "layers=choice:64,32;128", "n=int:1:9:2 if layers=128"},
               .seed = 7,
               .settings = {{"sampler", "auto"}}};
    Study made(to, opening, {"host:1:boot:2:00000001", test::patience(clock), {}});
    const Propose draw = [](const search::Space&, const search::History&, std::uint64_t,
                            RandomStream& random) {
      const bool wide = random.below(2) == 1;
      return std::optional(
          search::Proposal{{0.0001 + 0.09 * random.uniform(), wide ? 1.0 : 0.0, wide ? 3.0 : std::nan("")},
                           search::SamplerKind::random});
    };
    made.commit(Durable::yes, [](Change& change) { change.enqueue({{"lr", "0.01"}}); });
    for (int i = 0; i < 6; ++i) {
      const Run run = made.ask({}, draw, {.slot = "cpu:0", .budget = 3})->run;
      clock.advance(std::chrono::seconds(5));
      made.commit(Durable::yes, [&](Change& change) {
        change.report(run, 1, 0.5 + 0.01 * i, 1.5, R"({"train_loss":0.25})");
        if (i == 2) change.report(run, 2, std::nan(""), 2.5);
        change.constraint(run, "latency", i - 3.0);
        if (i == 3) change.checkpoint(run, {"d/checkpoint", 3, 100, 5, "0011223344556677"});
        if (i == 3) change.pause(run);
        if (i == 4) change.next_attempt(run, "exit 75", {.slot = "cpu:1"});
        Ending ending;
        ending.exit_status = i == 1 ? 1 : 0;
        ending.reason = i == 1 ? "exit 1" : "";
        ending.wall_s = 5;
        if (i < 3)
          change.end(run,
                     i == 1   ? State::failed
                     : i == 2 ? State::pruned
                              : State::complete,
                     {0.5 + 0.01 * i}, ending);
      });
    }
    std::ofstream(folder + "/format-1.dump") << test::dump(made.log());
  }
  Study study = Study::read(path);
  CHECK(study.take_notes().empty());
  CHECK(test::dump(study.log()) == text_of(folder + "/format-1.dump"));
  REQUIRE(study.header());
  CHECK(study.header()->seed == 7);
  CHECK(study.space().size() == 3);
  CHECK(study.history().size() == 5);
  const auto& trials = study.log().trials;
  CHECK(trials[0].fixed_parameters().at("lr") == "0.01");
  CHECK(trials[1].ending.reason == "exit 1");
  CHECK(trials[3].paused);
  CHECK(trials[3].checkpoints.size() == 1);
  CHECK(trials[4].attempt == 2);
  CHECK(trials[4].slot == "cpu:1");
}
