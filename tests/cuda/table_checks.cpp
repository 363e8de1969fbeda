#include "table_checks.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace nn::test {
namespace {

constexpr std::size_t count = 3;     // members
constexpr std::uint64_t steps = 4;   // of a run
constexpr std::int64_t batches = 2;  // that a kept data set has, and half a one
using Values = std::vector<float>;

double largest(std::span<const float> values) {
  double found = 0;
  for (const double v : values) found = std::max(found, std::abs(v));
  return found;
}

// As a part of the largest value, or of the floor where all are smaller.
double difference(std::span<const float> expected, std::span<const float> got, double floor = 0.1) {
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = expected[i], g = got[i];
    worst = std::max(worst, g == g ? std::abs(e - g) : HUGE_VAL);
  }
  return worst == 0 ? 0 : worst / std::max(floor, largest(expected));
}

struct Results {
  Values weights, state, outputs, losses;
};
double difference(const Results& expected, const Results& got) {
  double worst = 0;
  for (const auto part : {&Results::weights, &Results::state, &Results::outputs, &Results::losses})
    worst = std::max(worst, difference(expected.*part, got.*part));
  return worst;
}

std::size_t outputs_of(const Case& c) { return static_cast<std::size_t>(c.rows * c.answers()); }

// A case's plan, weights and rows: `rows` of them, of which batches are borrowed.
struct Setup {
  Setup(const Case& from, std::int64_t rows) : c(from), plan(plan_of(from)), data(from, rows) {
    for (std::size_t m = 0; m < count; ++m) {
      weights.emplace_back(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
      const Values initial = parameters_of(plan);
      for (std::size_t i = 0; i < initial.size(); ++i)
        weights[m].as<float>()[i] = initial[i] * (1 + 0.1f * static_cast<float>(m));
    }
  }
  backend::Examples from(std::int64_t row, std::int64_t rows) const {
    return {rows, data.x.data() + row * c.inputs, data.labels.data() + row,
            data.targets.data() + row * c.targets(), data.weights.data() + row};
  }
  const Case& c;
  Plan plan;
  Data<float> data;
  std::vector<Buffer> weights;  // of each member
};

backend::ProgramOptions options_of(const Case& c, backend::OptimizerKind optimizer, std::size_t member = 0) {
  backend::ProgramOptions options;
  options.batch = c.rows;
  options.training = true;
  options.optimizer.kind = optimizer;
  options.seed = 11 + member;
  options.l2 = 0.01 * static_cast<double>(member);
  options.label_smoothing = 0.1 * static_cast<double>(member);
  return options;
}

std::unique_ptr<backend::Program> program_of(backend::Backend& backend, const Setup& s,
                                             const backend::ProgramOptions& options, std::size_t member = 0) {
  return backend.compile(s.plan, options, s.weights[member].as<float>());
}

Values weights_of(const backend::Program& program, const Setup& s, std::size_t member = 0) {
  Values values(static_cast<std::size_t>(s.plan.parameter_count));
  program.read_parameters(member, values);
  return values;
}
Values state_of(const backend::Program& program, std::size_t member = 0) {
  Values values(static_cast<std::size_t>(program.state_size()));
  program.read_state(member, values);
  return values;
}

// Steps `first` to `last` on the same rows, and what they leave.
Results train(backend::Program& program, const Setup& s, const backend::Examples& rows, std::uint64_t first,
              std::uint64_t last) {
  Results r;
  for (std::uint64_t step = first; step < last; ++step)
    r.losses.push_back(static_cast<float>(program.train_step(backend::Step{{&rows, 1}, 0.01, step})));
  double loss = 0;
  r.outputs.resize(outputs_of(s.c));
  program.evaluate(rows, r.outputs.data(), {&loss, 1});
  r.losses.push_back(static_cast<float>(loss));
  r.weights = weights_of(program, s);
  r.state = state_of(program);
  return r;
}
Results train_alone(backend::Backend& backend, const Setup& s, backend::OptimizerKind optimizer,
                    std::size_t member = 0) {
  const auto program = program_of(backend, s, options_of(s.c, optimizer, member), member);
  return train(*program, s, s.from(0, s.c.rows), 0, steps);
}

Values forward(backend::Program& program, const Setup& s, std::int64_t rows) {
  Values y(static_cast<std::size_t>(rows * s.c.answers()));
  program.forward(rows, s.data.x.data(), y.data());
  return y;
}

Values forward(backend::Backend& backend, const Setup& s, backend::Precision precision) {
  backend::ProgramOptions options = options_of(s.c, backend::OptimizerKind::sgd);
  options.precision = precision;
  return forward(*program_of(backend, s, options), s, s.c.rows);
}

// The velocity after a first step by 1 is the gradient, but for its sign. What the weights moved by is it
// too, but rounded to the weights' last digits: too coarse where a layer's gradients are small.
Values gradient_of(backend::Backend& backend, const Setup& s) {
  const auto program = program_of(backend, s, options_of(s.c, backend::OptimizerKind::momentum));
  const backend::Examples rows = s.from(0, s.c.rows);
  program->train_step(backend::Step{{&rows, 1}, 1, 0});
  return state_of(*program);
}

// Each parameter by itself, or a layer with small gradients could have any beside one with large ones. A
// gradient that is 0 but for rounding, as of biases in front of a batch_norm, is a sum whose summands are as
// large as other gradients, so that those say how much of it is noise.
double gradients(backend::Backend& cpu, backend::Backend& cuda, const Setup& s) {
  const Values expected = gradient_of(cpu, s), got = gradient_of(cuda, s);
  const double most = largest(expected);
  double worst = 0;
  for (const Parameter& p : s.plan.parameters) {
    const auto of = [&](const Values& all) {
      return std::span(all).subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size()));
    };
    const bool noise = largest(of(expected)) < 1e-5 * most;
    worst = std::max(worst, difference(of(expected), of(got), noise ? most : most / 100));
  }
  return worst;
}

// By momentum and not by Adam: where a gradient is 0 but for rounding Adam makes steps of the noise, whose
// size has nothing to do with the noise's, and cuBLAS may round three networks' products otherwise than
// one's.
double members(backend::Backend& cuda, const Setup& s, bool shared) {
  std::vector<backend::ProgramOptions> options;
  std::vector<const float*> weights;
  for (std::size_t m = 0; m < count; ++m) {
    options.push_back(options_of(s.c, backend::OptimizerKind::momentum, m));
    options.back().shared_batches = shared;
    weights.push_back(s.weights[m].as<float>());
  }
  const auto together = cuda.compile(s.plan, options, weights);
  const backend::Examples rows = s.from(0, s.c.rows);
  std::vector<double> totals(count), losses(count);
  for (std::uint64_t number = 0; number < steps; ++number)
    together->train_step(std::vector<backend::Step>(count, backend::Step{{&rows, 1}, 0.01, number}));
  Values y(count * outputs_of(s.c));
  together->read_losses(totals);
  together->evaluate(rows, y.data(), losses);
  double worst = 0;
  for (std::size_t m = 0; m < count; ++m) {
    Results alone = train_alone(cuda, s, backend::OptimizerKind::momentum, m), got;
    const auto first = y.begin() + static_cast<std::ptrdiff_t>(m * outputs_of(s.c));
    got.outputs.assign(first, first + static_cast<std::ptrdiff_t>(outputs_of(s.c)));
    got.weights = weights_of(*together, s, m);
    got.state = state_of(*together, m);
    got.losses = {static_cast<float>(losses[m])};
    alone.losses = {alone.losses.back()};
    worst = std::max(worst, difference(alone, got));
  }
  return worst;
}

// Half of a run, its weights and state given to another program, which does the rest.
double continued(backend::Backend& cuda, const Setup& s) {
  const backend::Examples rows = s.from(0, s.c.rows);
  backend::ProgramOptions options = options_of(s.c, backend::OptimizerKind::adam);
  options.ema = 0.9;
  const auto whole = program_of(cuda, s, options), half = program_of(cuda, s, options),
             rest = program_of(cuda, s, options, 1);
  Results expected = train(*whole, s, rows, 0, steps);
  const Results between = train(*half, s, rows, 0, steps / 2);
  rest->write_parameters(0, between.weights);
  rest->write_state(0, between.state);
  const Results got = train(*rest, s, rows, steps / 2, steps);
  expected.losses.erase(expected.losses.begin(), expected.losses.begin() + steps / 2);
  return difference(expected, got);
}

// Rows of a batch, gathered by hand.
struct Gathered {
  Gathered(const Setup& s, std::span<const std::uint32_t> chosen)
      : rows(static_cast<std::int64_t>(chosen.size())) {
    for (const std::uint32_t row : chosen) {
      const auto add = [&](auto& to, const auto& from, std::int64_t width) {
        const auto first = from.begin() + static_cast<std::ptrdiff_t>(row * width);
        to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(width));
      };
      add(x, s.data.x, s.c.inputs);
      add(targets, s.data.targets, s.c.targets());
      add(labels, s.data.labels, 1);
      add(weights, s.data.weights, 1);
    }
  }
  backend::Examples examples() const {
    return {rows, x.data(), labels.data(), targets.data(), weights.data()};
  }
  std::int64_t rows;
  Values x, targets, weights;
  std::vector<std::int32_t> labels;
};

// Batches of a whole and of half the size, in an order that is not that of the data.
std::optional<double> kept(backend::Backend& cuda, const Setup& s) {
  const std::int64_t all = s.data.rows_;
  std::vector<std::uint32_t> order(static_cast<std::size_t>(all));
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<std::uint32_t>((i * 7 + 3) % order.size());
  const backend::ProgramOptions options = options_of(s.c, backend::OptimizerKind::adam);
  const auto keeps = program_of(cuda, s, options), gets = program_of(cuda, s, options);
  const backend::Examples data = s.from(0, all);
  if (!keeps->keep(data)) return std::nullopt;
  Results chosen, sent;
  std::uint64_t number = 0;
  for (std::int64_t row = 0; row < all; row += s.c.rows, ++number) {
    const auto rows = std::min(s.c.rows, all - row);
    const auto numbers =
        std::span(order).subspan(static_cast<std::size_t>(row), static_cast<std::size_t>(rows));
    const Gathered gathered(s, numbers);
    backend::Examples by_number = data;
    by_number.rows = rows;
    by_number.chosen = numbers.data();
    const backend::Examples by_value = gathered.examples();
    chosen.losses.push_back(
        static_cast<float>(keeps->train_step(backend::Step{{&by_number, 1}, 0.01, number})));
    sent.losses.push_back(static_cast<float>(gets->train_step(backend::Step{{&by_value, 1}, 0.01, number})));
  }
  chosen.weights = weights_of(*keeps, s);
  sent.weights = weights_of(*gets, s);
  // Rows may be sent to a program that keeps others.
  chosen.outputs = forward(*keeps, s, s.c.rows);
  sent.outputs = forward(*gets, s, s.c.rows);
  return difference(sent, chosen);
}

double repeated(backend::Backend& cuda, const Setup& s) {
  const double again = difference(train_alone(cuda, s, backend::OptimizerKind::nesterov),
                                  train_alone(cuda, s, backend::OptimizerKind::nesterov));
  const auto program = program_of(cuda, s, options_of(s.c, backend::OptimizerKind::sgd));
  Values all = forward(*program, s, s.c.rows);
  const Values some = forward(*program, s, (s.c.rows + 1) / 2);
  all.resize(some.size());
  return std::max(again, difference(all, some));
}

}  // namespace

Differences differences_of(backend::Backend& cpu, backend::Backend& cuda, const Case& c) {
  const Setup s(c, batches * c.rows + (c.rows + 1) / 2);
  Differences d;
  const Values expected = forward(cpu, s, backend::Precision::float32);
  d.values = difference(expected, forward(cuda, s, backend::Precision::float32));
  d.tf32 = difference(expected, forward(cuda, s, backend::Precision::tf32));
  d.bf16 = difference(expected, forward(cuda, s, backend::Precision::bf16));
  d.gradients = gradients(cpu, cuda, s);
  d.after_steps = difference(train_alone(cpu, s, backend::OptimizerKind::momentum),
                             train_alone(cuda, s, backend::OptimizerKind::momentum));
  d.members = std::max(members(cuda, s, false), members(cuda, s, true));
  d.continued = continued(cuda, s);
  d.kept = kept(cuda, s);
  d.repeated = repeated(cuda, s);
  return d;
}

std::string_view kind_of(const Case& c) { return c.group.empty() ? name_of(c.loss) : c.group; }

}  // namespace nn::test
