// How likely a difference is that is none.
#pragma once

#include <cstdint>

namespace nn::evaluate {

// The regularised incomplete beta function I_x(a, b), for a, b > 0 and x from 0 to 1: the continued fraction
// of DLMF 8.17.22 by Lentz' method.
double incomplete_beta(double a, double b, double x);

// The chance that `less` or fewer, or as few on the other side, of less + more throws of a fair coin are
// heads: McNemar's exact test, of rows that only one of two models has right. 1 without rows.
double mcnemar(std::int64_t one, std::int64_t other);

// The chance that |t| is at least that large, of Student's distribution with so many degrees of freedom (over
// 0).
double student_two_sided(double t, double degrees);

// The t that is exceeded on both sides together with a chance of 1 - confidence, between 0 and 1.
double student_quantile(double confidence, double degrees);

}  // namespace nn::evaluate
