#include "catch.hpp"
#include "chart/field.hpp"

namespace nn::chart {
namespace {

TEST_CASE("a field has the values of its points, and their mean between them") {
  const Field field = interpolate({{0, 0, 1}, {1, 0, 3}, {0, 1, 1}, {1, 1, 3}}, 5, 3);
  CHECK(field.at(0, 0) == Approx(1).margin(0.01));
  CHECK(field.at(4, 2) == Approx(3).margin(0.01));
  CHECK(field.at(2, 1) == Approx(2));
}

TEST_CASE("areas are cut where the level is") {
  const Field ramp{3, 2, {0, 1, 2, 0, 1, 2}};
  CHECK(area_above(ramp, 0, 0, 0, 20, 10) == "M0 0L20 0L20 10L0 10Z");
  CHECK(area_above(ramp, 1.5, 0, 0, 20, 10) == "M15 0L20 0L20 10L15 10Z");
  CHECK(area_above(ramp, 3, 0, 0, 20, 10).empty());
  const Field corner{2, 2, {1, 0, 0, 0}};
  CHECK(area_above(corner, 0.5, 0, 0, 10, 10) == "M0 0L5 0L0 5Z");
}

}  // namespace
}  // namespace nn::chart
