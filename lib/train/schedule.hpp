// Schedules: the change of the learning rate over a run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/enum_names.hpp"
#include "model/model.hpp"

namespace nn::train {

struct Schedule {
  enum class Kind : std::uint8_t { constant, step, cosine, one_cycle, cosine_restarts, plateau };
  Kind kind = Kind::constant;
  std::int64_t epochs = 10;  // step: after so many
  double factor = 0.1;       // step, plateau: times this
  double floor = 0;          // cosine, cosine_restarts, plateau: ends at this part of the rate
  double rise = 0.3;         // one_cycle: this part of the run
  std::int64_t cycles = 1;   // cosine_restarts
  std::int64_t patience = 10, cooldown = 0;  // plateau: epochs
  double min_delta = 1e-4;                   // plateau: a score that is lower by less is no gain
  bool operator==(const Schedule&) const = default;
};

const EnumNames<Schedule::Kind>& enum_names(Schedule::Kind);
// Whether the same step of a longer run has another rate.
bool depends_on_length(const Schedule& schedule);

// "constant", "cosine", "step:epochs=10,factor=0.1", "cosine:floor=0.01", "one_cycle:rise=0.3",
// "cosine_restarts:cycles=5", "plateau:factor=0.5,patience=5". Usage errors quote the word.
Schedule parse_schedule(std::string_view text);
std::string to_string(const Schedule& schedule);

// --warmup: steps, or epochs ("2epochs").
struct Warmup {
  std::uint64_t steps = 0, epochs = 0;
};
Warmup parse_warmup(std::string_view text);
std::string to_string(const Warmup& warmup);

// A run's length. The schedule goes over the steps that the warm-up leaves.
struct RunLength {
  std::uint64_t steps_per_epoch = 1, epochs = 1;
};

std::uint64_t warmup_steps(const Warmup& warmup, const RunLength& run);

// The rate of step `step` (from 0), for a learning rate of `rate`. With a warm-up of w steps it is what
// it would be at step - w of a run without one, shorter by w:
//   warm-up: rises linearly to `rate` (Goyal et al. 2017, section 2.2)
//   cosine: Loshchilov & Hutter 2017, equation 5, once; cosine_restarts: once a cycle
//   one_cycle: from rate / 25 up to `rate` and down to rate / 10,000, both along a cosine
//     (Smith & Topin 2018)
double rate_at(const Schedule& schedule, const Warmup& warmup, double rate, std::uint64_t step,
               const RunLength& run);

// Under plateau, what an epoch's score (the validation loss, or the loss) does to the factor by which the
// rate is to be multiplied, as Keras' ReduceLROnPlateau has it: after `patience` epochs without a gain it
// falls by `factor`, down to `floor`, and the next `cooldown` epochs aren't counted. Other schedules leave it
// alone. Epochs that begin in the warm-up aren't to be observed.
void observe(const Schedule& schedule, double score, model::PlateauState& plateau);

// If the epoch that ends with `epochs_done` ends a cycle, the cycle's number, from 1; else 0. Only
// cosine_restarts has cycles; the warm-up is of epochs, and leaves a multiple of them.
std::int64_t cycle_ending(const Schedule& schedule, const Warmup& warmup, std::uint64_t epochs_done,
                          std::uint64_t epochs);

}  // namespace nn::train
