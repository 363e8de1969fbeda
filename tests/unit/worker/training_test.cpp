#include "worker/training.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"

using namespace nn;

namespace {

// training_command() looks for nn-train beside the running program.
bool nn_train_is_there() {
  try {
    training_program();
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::string> command(const TrainingRequest& request) {
  TrainingOptions options;
  options.folder = "/jobs";
  return training_command(options, request);
}

}  // namespace

TEST_CASE("a training's words are options of nn-train and nothing else") {
  if (!nn_train_is_there()) {
    WARN("skipped: no nn-train beside this test");
    return;
  }
  const auto words = command({"m1", true, {"--layers=64,32", "--standardize", "--valid=0.1"}, "nn-train x"});
  const auto has = [&](const char* word) { return std::count(words.begin(), words.end(), word) == 1; };
  CHECK(words[1] == "-");
  CHECK(has("--checkpoint=/jobs/m1.ckpt"));
  CHECK(has("--resume"));
  CHECK(has("--layers=64,32"));
  CHECK(has("--command-line=nn-train x"));

  for (const char* bad : {"--output=/etc/passwd",
                          "-o/etc/passwd",
                          "-ox",
                          "--log=x",
                          "--checkpoint=x",
                          "--resume",
                          "--device=cpu:0",
                          "--labels=/etc/passwd",
                          "--format=csv",
                          "--at=exec:sh",
                          "--valid=/etc/passwd",
                          "--valid",
                          "--token-file=x",
                          "/etc/passwd",
                          "",
                          "-",
                          "--",
                          "--lay",
                          "--layers 3",
                          "--members=9",
                          "--command-line=x",
                          "--readers=9",
                          "--lr-find",
                          "--snapshots",
                          "--Layers=3",
                          "--=3"}) {
    INFO(bad);
    CHECK_THROWS_AS(command({"m1", false, {bad}, {}}), Error);
  }
}

TEST_CASE("a training's name is no path") {
  if (!nn_train_is_there()) {
    WARN("skipped: no nn-train beside this test");
    return;
  }
  for (const char* good : {"", "m1", "m1.nn", "A-b_c.9"}) {
    INFO(good);
    CHECK_NOTHROW(command({good, false, {}, {}}));
  }
  for (const std::string& bad :
       {std::string("../m1"), std::string("/m1"), std::string("a/b"), std::string("."), std::string(".."),
        std::string(".m1"), std::string("-m1"), std::string("m 1"), std::string("m\n1"),
        std::string("m\0a", 3), std::string("\xC3\xA4"), std::string(101, 'a')}) {
    INFO(bad);
    CHECK_THROWS_AS(command({bad, false, {}, {}}), Error);
  }
}
