#include "search/normal.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nn::search {
namespace {

constexpr double root_half = std::numbers::sqrt2 / 2;
constexpr double log_root_two_pi = 0.918938533204672741780329736406;
constexpr double far_out = -25;  // from where on the series has all digits, and erfc has them still

// P(x) by Horner's rule, the highest power first.
template <std::size_t N>
double polynomial(const double (&coefficients)[N], double x) {
  double sum = 0;
  for (const double c : coefficients) sum = sum * x + c;
  return sum;
}

// Wichura, "The percentage points of the normal distribution", Applied Statistics 37 (1988), algorithm AS
// 241.
double central_quantile(double q) {
  static constexpr double above[] = {
      2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
      1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e+0};
  static constexpr double below[] = {
      5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
      5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0};
  const double r = 0.180625 - q * q;
  return q * polynomial(above, r) / polynomial(below, r);
}

double middle_tail(double r) {
  static constexpr double above[] = {7.74545014278341407640e-4, 2.27238449892691845833e-2,
                                     2.41780725177450611770e-1, 1.27045825245236838258e+0,
                                     3.64784832476320460504e+0, 5.76949722146069140550e+0,
                                     4.63033784615654529590e+0, 1.42343711074968357734e+0};
  static constexpr double below[] = {1.05075007164441684324e-9, 5.47593808499534494600e-4,
                                     1.51986665636164571966e-2, 1.48103976427480074590e-1,
                                     6.89767334985100004550e-1, 1.67638483018380384940e+0,
                                     2.05319162663775882187e+0, 1.0};
  return polynomial(above, r - 1.6) / polynomial(below, r - 1.6);
}

double far_tail(double r) {
  static constexpr double above[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5,
                                     1.24266094738807843860e-3, 2.65321895265761230930e-2,
                                     2.96560571828504891230e-1, 1.78482653991729133580e+0,
                                     5.46378491116411436990e+0, 6.65790464350110377720e+0};
  static constexpr double below[] = {2.04426310338993978564e-15, 1.42151175831644588870e-7,
                                     1.84631831751005468180e-5,  7.86869131145613259100e-4,
                                     1.48753612908506148525e-2,  1.36929880922735805310e-1,
                                     5.99832206555887937690e-1,  1.0};
  return polynomial(above, r - 5) / polynomial(below, r - 5);
}

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z * root_half); }

double log_normal_cdf(double z) {
  if (z > far_out) return std::log(normal_cdf(z));
  double sum = 1, term = 1;
  for (int k = 1; k < 10; ++k) sum += term *= -(2 * k - 1) / (z * z);
  return -0.5 * z * z - std::log(-z) - log_root_two_pi + std::log(sum);
}

double log_normal_mass(double a, double b) {
  if (a > 0) return log_normal_mass(-b, -a);  // the left tail has more digits
  if (b > 0 || a > -1) return std::log(0.5 * (std::erf(b * root_half) - std::erf(a * root_half)));
  if (a > far_out) return std::log(normal_cdf(b) - normal_cdf(a));
  const double of_b = log_normal_cdf(b);
  return of_b + std::log1p(-std::exp(log_normal_cdf(a) - of_b));
}

double normal_quantile(double p) {
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) return central_quantile(q);
  const double r = std::sqrt(-std::log(std::min(p, 1 - p)));
  const double z = r <= 5 ? middle_tail(r) : far_tail(r);
  return q < 0 ? -z : z;
}

double truncated_normal_quantile(double p, double a, double b) {
  if (a > 0) return -truncated_normal_quantile(1 - p, -b, -a);
  // From the nearer side, whose digits are not lost in a difference from 1.
  const double mass = 0.5 * (std::erfc(-b * root_half) - std::erfc(-a * root_half));
  const double below = normal_cdf(a) + p * mass;
  const double z = below < 0.5 ? normal_quantile(below) : -normal_quantile(normal_cdf(-b) + (1 - p) * mass);
  return std::clamp(z, a, b);
}

}  // namespace nn::search
