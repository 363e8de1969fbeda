// The loss by which quantiles are learned and judged.
#pragma once

namespace nn::model {

// Of answering a quantile when y is `above` the answer (negative: below): q above, else (1 - q) of what it is
// below. Koenker & Bassett 1978, section 3.
constexpr double pinball_loss(double quantile, double above) {
  return (above > 0 ? quantile : quantile - 1) * above;
}

}  // namespace nn::model
