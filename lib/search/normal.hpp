// The normal distribution, exact in its tails.
#pragma once

namespace nn::search {

// How likely a value is below z.
double normal_cdf(double z);
// The logarithm of the same, for z < 0 however far out.
double log_normal_cdf(double z);
// The logarithm of how likely a value is between a and b; REQUIRES: a <= b.
double log_normal_mass(double a, double b);
// The z with normal_cdf(z) == p, relatively exact to 1e-14 for p in (0, 1); p is best given below 1/2.
double normal_quantile(double p);
// The same of the part of the distribution that lies between a and b, for p in [0, 1]. REQUIRES: a <= b.
double truncated_normal_quantile(double p, double a, double b);

}  // namespace nn::search
