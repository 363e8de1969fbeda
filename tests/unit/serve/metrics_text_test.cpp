#include "serve/metrics_text.hpp"

#include <limits>

#include "catch.hpp"

using namespace nn::serve;
using Type = MetricsText::Type;

namespace {

std::string page(bool open_metrics) {
  MetricsText out(open_metrics);
  out.family("a_total", Type::counter, "As.");
  out.sample({{"model", "x\"y\\z\n"}}, std::uint64_t{3});
  out.family("none", Type::gauge, "Not there.");
  out.family("b_seconds", Type::histogram, "Bs.");
  const MetricsText::Label label{"m", "1"};
  out.bucket({&label, 1}, 0.5, 1);
  out.bucket({&label, 1}, 2, 1);
  out.bucket({&label, 1}, std::numeric_limits<double>::infinity(), 2);
  out.sum_and_count({&label, 1}, 4.25, 2);
  out.family("c", Type::gauge, "Cs.");
  out.sample({}, 0.1);
  return out.take();
}

}  // namespace

TEST_CASE("metrics as Prometheus reads them", "[metrics]") {
  const std::string samples =
      "b_seconds_bucket{m=\"1\",le=\"0.5\"} 1\n"
      "b_seconds_bucket{m=\"1\",le=\"2.0\"} 1\n"
      "b_seconds_bucket{m=\"1\",le=\"+Inf\"} 2\n"
      "b_seconds_sum{m=\"1\"} 4.25\n"
      "b_seconds_count{m=\"1\"} 2\n"
      "# HELP c Cs.\n# TYPE c gauge\nc 0.1\n";
  CHECK(page(false) ==
        "# HELP a_total As.\n# TYPE a_total counter\na_total{model=\"x\\\"y\\\\z\\n\"} 3\n"
        "# HELP b_seconds Bs.\n# TYPE b_seconds histogram\n" +
            samples);
  CHECK(page(true) ==
        "# HELP a As.\n# TYPE a counter\na_total{model=\"x\\\"y\\\\z\\n\"} 3\n"
        "# HELP b_seconds Bs.\n# TYPE b_seconds histogram\n" +
            samples + "# EOF\n");
}

TEST_CASE("labels are UTF-8 whatever a name is", "[metrics]") {
  MetricsText out(false);
  out.family("a", Type::gauge, "As.");
  out.sample({{"model", "\xff"}}, std::uint64_t{1});
  CHECK(out.take() == "# HELP a As.\n# TYPE a gauge\na{model=\"\xEF\xBF\xBD\"} 1\n");
}
