// The normal distribution where differences lose their digits.
#include "search/normal.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"

namespace nn::search {
namespace {

TEST_CASE("quantiles are the inverse of what is below them") {
  for (const double z : {-37.0, -20.0, -8.0, -3.0, -1.2, -0.3, -1e-9, 0.0, 0.5, 1.0}) {
    CHECK(normal_quantile(normal_cdf(z)) == Approx(z).epsilon(1e-13).margin(1e-16));
  }
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-14));
}

TEST_CASE("masses keep their digits however far out") {
  struct Case {
    double a, b, log_mass;
  };
  // By mpmath 1.3 with 50 digits.
  const Case cases[] = {{-1, 1, -0.38171514630212607},    {-2, -1, -1.9957982691807554},
                        {-40, -39, -765.08315656437754},  {30, 31, -454.32124395634325},
                        {-26, 0.5, -0.36894641528865639}, {-5, -4.999, -20.324192937395384},
                        {1e-7, 3e-7, -16.343887003603069}};
  for (const Case& c : cases) {
    CHECK(log_normal_mass(c.a, c.b) == Approx(c.log_mass).epsilon(1e-12));
    CHECK(log_normal_mass(-c.b, -c.a) == Approx(c.log_mass).epsilon(1e-12));
  }
  CHECK(log_normal_cdf(-25.1) == Approx(log_normal_cdf(-24.9) - 5.01).epsilon(1e-3));
  CHECK(log_normal_cdf(-38) == Approx(-726.55721601882013).epsilon(1e-11));
}

TEST_CASE("a part of the distribution has quantiles within its ends") {
  for (const double a : {-30.0, -2.0, 0.5, 6.0, 33.0}) {
    const double b = a + 1.5;
    CHECK(truncated_normal_quantile(0, a, b) == Approx(a).epsilon(1e-12));
    CHECK(truncated_normal_quantile(1, a, b) == Approx(b).epsilon(1e-6));
    const double middle = truncated_normal_quantile(0.25, a, b);
    CHECK(log_normal_mass(a, middle) - log_normal_mass(a, b) == Approx(std::log(0.25)).epsilon(1e-8));
  }
}

}  // namespace
}  // namespace nn::search
