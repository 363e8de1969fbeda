// Backends run whole steps. A backend is opened for one device; its programs run on
// that device only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "backend/device.hpp"
#include "base/enum_names.hpp"
#include "nn/plan.hpp"

namespace nn::backend {

enum class OptimizerKind : std::uint8_t { sgd, momentum, nesterov, rmsprop, adam, adamw };
const EnumNames<OptimizerKind>& enum_names(OptimizerKind);
std::string_view name_of(OptimizerKind kind);
OptimizerKind parse_optimizer(std::string_view name);

// Formulas and default values as Keras has them; see the man page of nn-train.
struct Optimizer {
  OptimizerKind kind = OptimizerKind::adam;
  double momentum = 0.9;                // momentum, nesterov
  double rho = 0.9;                     // rmsprop
  double beta_1 = 0.9, beta_2 = 0.999;  // adam, adamw
  double epsilon = 1e-7;                // rmsprop, adam, adamw
  double weight_decay = 0.004;          // adamw, decoupled (Loshchilov & Hutter 2019)
  bool operator==(const Optimizer&) const = default;
};

// The precision of matrix products; on CPUs only in programs that predict. tf32 is CUDA's only.
enum class Precision : std::uint8_t { float32, tf32, bf16 };
const EnumNames<Precision>& enum_names(Precision);
std::string_view name_of(Precision precision);
Precision parse_precision(std::string_view name);

// The value that each byte stands for, in inputs that are bytes.
using ByteValues = std::array<float, 256>;

// Options of one network of a program. The networks of a program differ in l2, label_smoothing, seed and
// optimizer.weight_decay only.
struct ProgramOptions {
  std::int64_t batch = 1;  // the most rows of one call
  bool training = false;   // without it only forward() and evaluate() may be called
  Optimizer optimizer;
  double l2 = 0;                          // adds l2/2 * |kernel|^2 to the loss of a batch
  double clip_norm = 0;                   // gradient's global norm is scaled down to this; 0: off
  double label_smoothing = 0;             // of cross-entropies in training: this part of a label goes to all
                                          // classes alike (Szegedy et al. 2016, section 7)
  double ema = 0;                         // decay of the moving average of the parameters; 0: there is none
  std::int64_t parts = 1;                 // the most batches whose gradients make up one step
  bool shared_batches = false;            // every step has the same batches for all networks
  std::uint64_t seed = 0;                 // of dropout
  std::optional<ByteValues> byte_values;  // none: inputs are floats
  Precision precision = Precision::float32;
  bool operator==(const ProgramOptions&) const = default;
};

// Rows of inputs, row-major and dense: floats, or bytes for programs that have byte_values.
struct Inputs {
  Inputs(const float* values = nullptr) : floats(values) {}
  Inputs(const std::uint8_t* values) : bytes(values) {}
  // The same from element `first` on.
  Inputs from(std::int64_t first) const {
    return bytes != nullptr ? Inputs(bytes + first) : Inputs(floats + first);
  }
  const float* floats = nullptr;
  const std::uint8_t* bytes = nullptr;
};

// Labelled rows of a step. Row-major, dense, borrowed for the call.
struct Examples {
  std::int64_t rows = 0;                 // 0 < rows <= batch
  Inputs x;                              // [rows, inputs]
  const std::int32_t* labels = nullptr;  // [rows] class indices: classification losses
  const float* targets = nullptr;        // [rows, plan.targets()]: regression losses
  const float* weights = nullptr;        // [rows] per-row weights, their mean over the data 1; null: all 1
  // [rows], or null. Of what Program::keep() was given, which x and the others are then: row i is its
  // row chosen[i].
  const std::uint32_t* chosen = nullptr;
};

// A step of one network. The loss is the mean of weight * loss over the rows of all parts, plus L2: as
// Keras' sum_over_batch_size has it.
struct Step {
  std::span<const Examples> parts;
  double learning_rate = 0;
  std::uint64_t number = 0;  // from 0 over the whole run: drives dropout and Adam's bias correction
};

// Compiled networks, alike in all but their parameters and some options: `members` of them. One
// thread at a time. Nothing is allocated in a call.
class Program {
 public:
  virtual ~Program() = default;
  virtual std::size_t members() const = 0;

  // Members that are not active (at first all are) are left out of the following: their parts of
  // results are not written.
  virtual void set_active(std::size_t member, bool active) = 0;

  // y [members, rows, plan.answers()], overwritten: probabilities under cross-entropy, of both classes where
  // the network has one logit for two, each computed from it; values otherwise. Row results do not depend on
  // the other rows of the call, nor on how many there are.
  virtual void forward(std::int64_t rows, Inputs x, float* y) = 0;

  // forward() and for each member the sum over rows of weight * loss, without dropout and without
  // the L2 term. `y` may be null. losses [members], overwritten.
  virtual void evaluate(const Examples& examples, float* y, std::span<double> losses) = 0;

  // Training programs, once and before their first step: copies all rows of a data set to where steps
  // are computed, whose parts may then have some of them `chosen` instead of bringing rows along.
  // False where that gains nothing or there is no room: all is as before.
  virtual bool keep(const Examples& /*data*/) { return false; }

  // One optimiser step of each member, steps [members]. With shared batches all have the parts of
  // the first active one. May return before it is done.
  virtual void train_step(std::span<const Step> steps) = 0;
  // The step of a program of one network; returns its sum of weight * loss.
  double train_step(const Step& step) {
    double loss = 0;
    start_losses({&loss, 1});
    train_step({&step, 1});
    read_losses({&loss, 1});
    return loss;
  }

  // For each member the sum of weight * loss over all steps, as computed before their updates, on
  // top of what start_losses() gave. losses [members]; of those that aren't active it is that of
  // their last step. Waits for the steps.
  virtual void read_losses(std::span<double> losses) const = 0;
  virtual void start_losses(std::span<const double> losses) = 0;
  // Losses are best read only every so many steps: reading waits for the device.
  virtual std::uint64_t steps_between_losses() const { return 1; }

  // Training programs with a moving average: exchanges it with the parameters, of all members, so
  // that forward(), evaluate() and read_parameters() see it; exchange again before the next step.
  // avg += (1 - d) * (parameters - avg) after each step t, with d = min(ema, (1 + t) / (10 + t)),
  // as TensorFlow has it: early averages forget the initial values sooner.
  virtual void exchange_average() = 0;

  // A member's parameter block, as Plan::parameters lays it out.
  virtual void read_parameters(std::size_t member, std::span<float> out) const = 0;
  virtual void write_parameters(std::size_t member, std::span<const float> in) = 0;

  // A member's optimiser slots and moving average: state_size() floats (0 for plain sgd). With the
  // parameters and the step number they continue a run bit for bit.
  virtual std::int64_t state_size() const = 0;
  virtual void read_state(std::size_t member, std::span<float> out) const = 0;
  virtual void write_state(std::size_t member, std::span<const float> in) = 0;
};

// Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const Device& device() const = 0;

  // A program of as many members as there are options. parameters [members]: of each
  // plan.parameter_count floats, 64-byte aligned. A training program copies them; any other borrows
  // them, so they must outlive it, unless copies_parameters(). Must be called, like the program later, in the
  // thread that computes: it is pinned to the device first.
  virtual std::unique_ptr<Program> compile(const Plan& plan, std::span<const ProgramOptions> members,
                                           std::span<const float* const> parameters) = 0;
  std::unique_ptr<Program> compile(const Plan& plan, const ProgramOptions& options, const float* parameters) {
    return compile(plan, {&options, 1}, {&parameters, 1});
  }

  // Values that a step of predictions best computes at once: by default as many as fit a cache.
  virtual std::int64_t values_at_once() const { return 1 << 20; }

  // Whether every program has a copy of the parameters where it computes, so that nobody else needs to keep
  // them: read_parameters() gives them back as they were.
  virtual bool copies_parameters() const { return false; }

  // Whether the first predictions of each power of two of rows take longer than all others.
  virtual bool records_sizes() const { return false; }

  // Whether members with batches of their own are computed faster by one program than by one each.
  virtual bool gains_from_members() const { return false; }
};

// Throws when the device isn't there, or what it takes ("cuda:0: no NVIDIA driver").
std::unique_ptr<Backend> open_backend(const Device& device);

}  // namespace nn::backend
