#include "base/run_end.hpp"

#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "catch.hpp"

using namespace nn;

TEST_CASE("the line that ends a log says what ended the run") {
  const auto line = [](const auto& thrown) {
    return nlohmann::json::parse(run_ended_by(std::make_exception_ptr(thrown)) + "}");
  };
  using nlohmann::json;
  CHECK(json::parse(run_finished() + "}") == json{{"end", "finished"}});
  CHECK(line(data_error("cut off").within_file("x.csv").advise("; is it whole?")) ==
        json{{"end", "failed"}, {"kind", "data"}, {"error", "x.csv: cut off"}, {"advice", "is it whole?"}});
  CHECK(line(Error(ErrorKind::device, "gone")) ==
        json{{"end", "failed"}, {"kind", "device"}, {"error", "gone"}});
  CHECK(line(Interrupted{}) == json{{"end", "stopped"}, {"signal", "INT"}});
  CHECK(line(BrokenPipe{}) == json{{"end", "stopped"}, {"signal", "PIPE"}});
  CHECK(line(std::bad_alloc()) == json{{"end", "failed"}, {"kind", "io"}, {"error", "out of memory"}});
  CHECK(line(std::runtime_error("odd")) == json{{"end", "failed"}, {"kind", "internal"}, {"error", "odd"}});
}

TEST_CASE("a line that a tool printed has its name in front") {
  CHECK(message_of("nn-train", "nn-train: x.csv: cut off") == "x.csv: cut off");
  CHECK(message_of("nn-train", "nn-training: x") == "nn-training: x");
  CHECK(message_of("nn-train", "what else is said") == "what else is said");
}
