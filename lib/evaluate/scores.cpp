#include "evaluate/scores.hpp"

#include <algorithm>
#include <cmath>

namespace nn::evaluate {

Score score_of(const double* p, std::int64_t classes, std::int32_t truth, std::int64_t top_k) {
  const bool known = truth < classes;
  Score score;
  score.log_loss = -std::log(std::max(known ? p[truth] : 0, least_probability));
  score.confidence = p[0];
  for (std::int64_t c = 0; c < classes; ++c) {
    score.confidence = std::max(score.confidence, p[c]);
    const double distance = p[c] - (c == truth ? 1 : 0);
    score.brier += distance * distance;
  }
  if (!known) score.brier += 1;
  if (classes == 2 && known) {
    const double distance = p[1] - (truth == 1 ? 1 : 0);
    score.brier = distance * distance;
  } else if (classes == 2) {
    score.brier /= 2;
  }
  if (top_k > 0 && known) {
    std::int64_t before = 0;
    for (std::int32_t c = 0; c < static_cast<std::int32_t>(classes); ++c)
      before += p[c] > p[truth] || (p[c] == p[truth] && c < truth) ? 1 : 0;
    score.in_top_k = before < top_k;
  }
  return score;
}

}  // namespace nn::evaluate
