// Every network of the table: values, losses and gradients.
#include "catch.hpp"
#include "layers/data.hpp"
#include "layers/table.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// The mean loss with everything that its gradient has, by the program itself.
double objective(cpu::CpuProgram<double>& program, const Plan& plan, const Data<double>& data, double l2) {
  const auto examples = data.examples(true);
  double value = program.compute_gradients(examples, 4) / static_cast<double>(examples.rows);
  for (const Parameter& p : plan.parameters) {
    for (std::int64_t i = p.offset; p.decays && i < p.offset + p.size(); ++i) {
      const double w = program.parameters()[static_cast<std::size_t>(i)];
      value += l2 / 2 * w * w;
    }
  }
  return value;
}

std::vector<double> gradients_of(const cpu::CpuProgram<double>& program) {
  return {program.gradients().begin(), program.gradients().end()};
}

ProgramOptions training(std::int64_t batch) {
  ProgramOptions options;
  options.batch = batch;
  options.training = true;
  options.seed = 11;
  return options;
}

}  // namespace

TEST_CASE("gradients agree with finite differences") {
  constexpr double h = 1e-5;
  for (const cpu::Isa isa : cpu::usable_isas()) {
    for (const Case& c : all_cases()) {
      INFO(cpu::name_of(isa) << ": " << c.net << " inputs " << c.inputs << " outputs " << c.outputs
                             << " loss " << name_of(c.loss) << " rows " << c.rows);
      const Plan plan = plan_of(c);
      const Data<double> data(c);
      ProgramOptions options = training(c.rows);
      options.l2 = 0.01;
      cpu::CpuProgram<double> program(plan, options, widen(parameters_of(plan)).data(), isa);
      objective(program, plan, data, options.l2);
      const std::vector<double> gradients = gradients_of(program);
      RandomStream random(1, RandomUse::shuffle);
      for (const Parameter& p : plan.parameters) {
        if (!p.trains) continue;
        const std::int64_t checks = std::min<std::int64_t>(p.size(), 12);
        for (std::int64_t k = 0; k < checks; ++k) {
          const std::int64_t element =
              checks == p.size()
                  ? k
                  : static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(p.size())));
          const auto i = static_cast<std::size_t>(p.offset + element);
          double& w = program.parameters()[i];
          const double before = w;
          w = before + h;
          const double above = objective(program, plan, data, options.l2);
          w = before - h;
          const double below = objective(program, plan, data, options.l2);
          w = before;
          INFO(p.name << "[" << element << "]");
          CHECK(gradients[i] == Approx((above - below) / (2 * h)).epsilon(2e-6).margin(1e-9));
        }
      }
    }
  }
}

TEST_CASE("what lies between parameters gets no gradient") {
  for (const Case& c : all_cases()) {
    const Plan plan = plan_of(c);
    // NaN beside the weights must not leak in either.
    const Data<double> data(c);
    cpu::CpuProgram<double> program(plan, training(c.rows), widen(parameters_of(plan)).data(),
                                    cpu::chosen_isa());
    program.compute_gradients(data.examples(false), 0);
    std::vector<char> used(static_cast<std::size_t>(plan.parameter_count));
    for (const Parameter& p : plan.parameters)
      std::fill_n(used.begin() + p.offset, static_cast<std::size_t>(p.size()), char{1});
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (used[i] == 0) {
        INFO(c.net << " element " << i);
        CHECK(program.gradients()[i] == 0);
      }
    }
  }
}

TEST_CASE("forward and evaluate agree with the plain reference to 1e-5") {
  for (const cpu::Isa isa : cpu::usable_isas()) {
    for (const Case& c : all_cases()) {
      INFO(cpu::name_of(isa) << ": " << c.net << " inputs " << c.inputs << " outputs " << c.outputs
                             << " loss " << name_of(c.loss) << " rows " << c.rows);
      const Plan plan = plan_of(c);
      const std::vector<float> parameters = parameters_of(plan);
      const std::vector<double> wide = widen(parameters);
      const Data<float> data(c);
      const Data<double> exact(c);
      ProgramOptions options;
      options.batch = c.rows;
      cpu::CpuProgram<float> program(plan, options, parameters.data(), isa);
      std::vector<float> y(static_cast<std::size_t>(c.rows * c.answers()));
      std::vector<float> again(y.size());
      program.forward(c.rows, data.x.data(), y.data());
      const double loss = program.evaluate(data.examples(true), again.data());
      CHECK(y == again);
      double expected_loss = 0, worst = 0;
      for (std::int64_t i = 0; i < c.rows; ++i) {
        const auto first = exact.x.begin() + i * c.inputs;
        const auto z = reference_row(plan, wide, {first, first + c.inputs});
        expected_loss += exact.weights[static_cast<std::size_t>(i)] *
                         reference_loss(c.loss, z, exact.labels[static_cast<std::size_t>(i)],
                                        exact.targets.data() + i * c.targets(), c.quantiles());
        const auto expected = reference_outputs(c.loss, z);
        for (std::size_t j = 0; j < expected.size(); ++j) {
          const double got = y[static_cast<std::size_t>(i * c.answers()) + j];
          worst = std::max(worst, std::abs(got - expected[j]) / std::max(1.0, std::abs(expected[j])));
          if (!(got == got)) worst = not_a_number;
        }
      }
      CHECK(worst <= 1e-5);
      CHECK(loss == Approx(expected_loss).epsilon(1e-5));
    }
  }
}

TEST_CASE("gradients in float agree with those in double") {
  for (const cpu::Isa isa : cpu::usable_isas()) {
    for (const Case& c : all_cases()) {
      INFO(cpu::name_of(isa) << ": " << c.net << " inputs " << c.inputs << " outputs " << c.outputs
                             << " loss " << name_of(c.loss) << " rows " << c.rows);
      const Plan plan = plan_of(c);
      const std::vector<float> parameters = parameters_of(plan);
      cpu::CpuProgram<float> narrow(plan, training(c.rows), parameters.data(), isa);
      cpu::CpuProgram<double> wide(plan, training(c.rows), widen(parameters).data(), isa);
      const double loss = narrow.compute_gradients(Data<float>(c).examples(true), 2);
      CHECK(loss == Approx(wide.compute_gradients(Data<double>(c).examples(true), 2)).epsilon(1e-5));
      double scale = 0, worst = 0;
      for (std::size_t i = 0; i < wide.gradients().size(); ++i) {
        scale = std::max(scale, std::abs(wide.gradients()[i]));
        worst = std::max(worst, std::abs(wide.gradients()[i] - static_cast<double>(narrow.gradients()[i])));
      }
      CHECK(worst <= 1e-5 * std::max(scale, 0.1));
    }
  }
}

TEST_CASE("a row's result depends neither on the other rows nor on the batch") {
  for (const cpu::Isa isa : cpu::usable_isas()) {
    for (const Case& c : all_cases()) {
      INFO(cpu::name_of(isa) << ": " << c.net << " inputs " << c.inputs);
      constexpr std::int64_t rows = 50;
      const Plan plan = plan_of(c);
      const std::vector<float> parameters = parameters_of(plan);
      const Data<float> data(c, rows);
      ProgramOptions options;
      options.batch = rows;
      cpu::CpuProgram<float> whole(plan, options, parameters.data(), isa);
      std::vector<float> expected(static_cast<std::size_t>(rows * c.answers())), y(expected.size());
      whole.forward(rows, data.x.data(), expected.data());
      for (const std::int64_t batch : {1, 2, 3, 7, 16, 20, 64}) {
        options.batch = batch;
        cpu::CpuProgram<float> program(plan, options, parameters.data(), isa);
        for (std::int64_t i = 0; i < rows; i += batch) {  // the last one is partial
          program.forward(std::min(batch, rows - i), data.x.data() + i * c.inputs,
                          y.data() + i * c.answers());
        }
        INFO("batch " << batch);
        CHECK(y == expected);
      }
      options = training(rows);
      cpu::CpuProgram<float> trained(plan, options, parameters.data(), isa);
      trained.forward(rows, data.x.data(), y.data());
      CHECK(y == expected);
    }
  }
}

TEST_CASE("of two classes the one that is improbable keeps its precision") {
  const Case c{"dense", 1, 1, Loss::binary_crossentropy, 3};
  const Plan plan = plan_of(c);
  std::vector<float> parameters(static_cast<std::size_t>(plan.parameter_count));
  parameters[static_cast<std::size_t>(plan.parameters[0].offset)] = 1;
  const float x[] = {20, -30, 0};
  const std::int32_t labels[] = {0, 1, 1};
  for (const cpu::Isa isa : cpu::usable_isas()) {
    ProgramOptions options;
    options.batch = 3;
    cpu::CpuProgram<float> program(plan, options, parameters.data(), isa);
    float y[6];
    program.forward(3, x, y);
    const auto close = [](double value) { return Approx(value).epsilon(1e-6); };
    CHECK(double{y[0]} == close(1 / (1 + std::exp(20.0))));
    CHECK(y[1] == 1);
    CHECK(y[2] == 1);
    CHECK(double{y[3]} == close(1 / (1 + std::exp(30.0))));
    CHECK(y[4] == 0.5f);
    CHECK(y[5] == 0.5f);
    // The loss of a row that is right is as small as it is, not 0; of one that is wrong as large.
    const std::int32_t right[] = {1, 0, 1};
    CHECK(program.evaluate({3, x, labels, nullptr, nullptr}, nullptr) == close(50 + std::log(2.0)));
    CHECK(program.evaluate({1, x, right, nullptr, nullptr}, nullptr) == close(std::log1p(std::exp(-20.0))));
  }
}

TEST_CASE("smoothed labels have the gradient of their loss") {
  constexpr double h = 1e-5;
  for (const Loss loss : {Loss::categorical_crossentropy, Loss::binary_crossentropy}) {
    const Case c{"dense 5 tanh, dense", 4, loss == Loss::binary_crossentropy ? 1 : 3, loss, 6};
    const Plan plan = plan_of(c);
    const Data<double> data(c);
    ProgramOptions options = training(c.rows);
    options.label_smoothing = 0.2;
    cpu::CpuProgram<double> program(plan, options, widen(parameters_of(plan)).data(), cpu::chosen_isa());
    objective(program, plan, data, 0);
    const std::vector<double> gradients = gradients_of(program);
    // The expected loss by its definition.
    double expected = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto z = reference_row(plan, widen(parameters_of(plan)),
                                   {data.x.begin() + static_cast<std::ptrdiff_t>(4 * i),
                                    data.x.begin() + static_cast<std::ptrdiff_t>(4 * i + 4)});
      const std::int32_t classes = loss == Loss::binary_crossentropy ? 2 : 3;
      for (std::int32_t k = 0; k < classes; ++k)
        expected += data.weights[i] * (0.2 / classes + (k == data.labels[i] ? 0.8 : 0)) *
                    reference_loss(loss, z, k, nullptr);
    }
    CHECK(objective(program, plan, data, 0) == Approx(expected / 6));
    for (const Parameter& p : plan.parameters) {
      const auto i = static_cast<std::size_t>(p.offset);
      double& w = program.parameters()[i];
      w += h;
      const double above = objective(program, plan, data, 0);
      w -= 2 * h;
      const double below = objective(program, plan, data, 0);
      w += h;
      CHECK(gradients[i] == Approx((above - below) / (2 * h)).epsilon(2e-6).margin(1e-9));
    }
  }
}

TEST_CASE("the gradient of a step in parts is that of the whole") {
  const Case c{"dense 9 tanh, dense", 5, 3, Loss::categorical_crossentropy, 20};
  const Plan plan = plan_of(c);
  const Data<double> data(c);
  ProgramOptions options = training(20);
  options.l2 = 0.1;
  cpu::CpuProgram<double> whole(plan, options, widen(parameters_of(plan)).data(), cpu::chosen_isa());
  options.parts = 3;
  cpu::CpuProgram<double> split(plan, options, widen(parameters_of(plan)).data(), cpu::chosen_isa());
  std::vector<cpu::ExamplesOf<double>> parts;
  for (const auto& [first, rows] : {std::pair{0, 9}, {9, 9}, {18, 2}}) {
    cpu::ExamplesOf<double> part = data.examples(true);
    part.rows = rows;
    part.x += first * 5;
    part.labels += first;
    part.weights += first;
    parts.push_back(part);
  }
  CHECK(split.compute_gradients(parts, 0) == Approx(whole.compute_gradients(data.examples(true), 0)));
  for (std::size_t i = 0; i < whole.gradients().size(); ++i)
    CHECK(split.gradients()[i] == Approx(whole.gradients()[i]).margin(1e-12));
}

TEST_CASE("the moving average follows the weights, and changes places with them") {
  const Case c{"dense", 3, 2, Loss::mse, 4};
  const Plan plan = plan_of(c);
  const Data<double> data(c);
  ProgramOptions options = training(4);
  options.optimizer.kind = OptimizerKind::momentum;
  options.ema = 0.9;
  cpu::CpuProgram<double> program(plan, options, widen(parameters_of(plan)).data(), cpu::chosen_isa());
  double average = program.parameters()[0];
  for (std::uint64_t step = 0; step < 200; ++step) {
    program.compute_gradients(data.examples(false), step);
    program.apply_gradients(0.05, step);
    const double decay =
        std::min(0.9, (1.0 + static_cast<double>(step)) / (10.0 + static_cast<double>(step)));
    average = decay * average + (1 - decay) * program.parameters()[0];
  }
  const double weight = program.parameters()[0];
  program.exchange_average();
  CHECK(program.parameters()[0] == Approx(average));
  program.exchange_average();
  CHECK(program.parameters()[0] == weight);
}

TEST_CASE("threads that share a step compute what one does") {
  Device two;  // threads without cores of their own: the machine may have one only
  cpu::Team team(two, 0);
  for (const Case& c : all_cases()) {
    INFO(c.net << " rows " << c.rows << " threads " << team.size());
    const Plan plan = plan_of(c);
    const std::vector<float> parameters = parameters_of(plan);
    const Data<float> data(c);
    cpu::CpuProgram<float> alone(plan, training(c.rows), parameters.data(), cpu::chosen_isa());
    cpu::CpuProgram<float> shared(plan, training(c.rows), parameters.data(), cpu::chosen_isa(), &team);
    std::vector<float> expected(static_cast<std::size_t>(c.rows * c.answers())), y(expected.size());
    alone.forward(c.rows, data.x.data(), expected.data());
    shared.forward(c.rows, data.x.data(), y.data());
    CHECK(y == expected);
    CHECK(alone.compute_gradients(data.examples(true), 2) ==
          shared.compute_gradients(data.examples(true), 2));
    double scale = 0.1, worst = 0;
    for (std::size_t i = 0; i < alone.gradients().size(); ++i) {
      const double g = alone.gradients()[i];
      scale = std::max(scale, std::abs(g));
      worst = std::max(worst, std::abs(g - static_cast<double>(shared.gradients()[i])));
    }
    CHECK(worst <= 1e-5 * scale);
  }
}

TEST_CASE("predictions in bfloat16 are those of rounded weights and inputs") {
  for (const cpu::Isa isa : cpu::usable_isas()) {
    for (const Case& c : all_cases()) {
      INFO(cpu::name_of(isa) << ": " << c.net << " inputs " << c.inputs);
      const Plan plan = plan_of(c);
      const std::vector<float> parameters = parameters_of(plan);
      constexpr std::int64_t rows = 27;
      const Data<float> data(c, rows);
      ProgramOptions options;
      options.batch = rows;
      cpu::CpuProgram<float> exact(plan, options, parameters.data(), isa);
      options.precision = Precision::bf16;
      cpu::CpuProgram<float> rounded(plan, options, parameters.data(), isa);
      std::vector<float> expected(static_cast<std::size_t>(rows * c.answers())), y(expected.size()),
          one(y.size());
      exact.forward(rows, data.x.data(), expected.data());
      rounded.forward(rows, data.x.data(), y.data());
      double scale = 1, worst = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        scale = std::max(scale, std::abs(static_cast<double>(expected[i])));
        worst = std::max(worst, std::abs(static_cast<double>(expected[i]) - static_cast<double>(y[i])));
      }
      CHECK(worst < 0.05 * scale);
      for (std::int64_t i = 0; i < rows; ++i)
        rounded.forward(1, data.x.data() + i * c.inputs, one.data() + i * c.answers());
      CHECK(one == y);
    }
  }
}

TEST_CASE("bfloat16 rounds to the nearest, halves to even, and keeps what is no number") {
  const float infinity = std::numeric_limits<float>::infinity();
  struct Row {
    float value, rounded;
  };
  for (const Row& row :
       {Row{1, 1}, Row{-3.140625f, -3.140625f}, Row{1.00390625f, 1}, Row{1.01171875f, 1.015625f},
        Row{1.005f, 1.0078125f}, Row{infinity, infinity}, Row{3.4e38f, infinity}, Row{0, 0}}) {
    for (const cpu::Isa isa : cpu::usable_isas()) {
      const cpu::Bf16Kernels& kernels = cpu::bf16_kernels_of(isa);
      std::vector<std::uint32_t> packed(static_cast<std::size_t>(cpu::bf16_packed_size(1, 1))), pairs(64);
      kernels.pack(1, 1, &row.value, 1, packed.data());
      const float a = 1;
      float c[16] = {};
      kernels.gemm({1, 1, 1, &a, 1, packed.data(), c, 16, false, nullptr, pairs.data()});
      INFO(cpu::name_of(isa) << " " << row.value);
      CHECK(c[0] == row.rounded);
    }
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<std::uint32_t> packed(static_cast<std::size_t>(cpu::bf16_packed_size(1, 1)));
  cpu::bf16_kernels_of(cpu::chosen_isa()).pack(1, 1, &nan, 1, packed.data());
  CHECK((packed[0] & 0x7FFF) > 0x7F80);
}

TEST_CASE("a partial batch trains like a batch of its size") {
  const Case c{"dense 33 relu, dropout 0.3, dense", 20, 5, Loss::categorical_crossentropy, 13};
  const Plan plan = plan_of(c);
  const Data<float> data(c);
  cpu::CpuProgram<float> exact(plan, training(13), parameters_of(plan).data(), cpu::chosen_isa());
  cpu::CpuProgram<float> partial(plan, training(64), parameters_of(plan).data(), cpu::chosen_isa());
  // What a larger batch left behind must not be seen.
  partial.compute_gradients(Data<float>(c, 64).examples(true), 0);
  CHECK(exact.compute_gradients(data.examples(true), 1) == partial.compute_gradients(data.examples(true), 1));
  CHECK(std::equal(exact.gradients().begin(), exact.gradients().end(), partial.gradients().begin()));
}

TEST_CASE("a weight that is not a number shows in the loss") {
  for (const Case& c : all_cases()) {
    if (c.net == "dense") continue;
    const Plan plan = plan_of(c);
    std::vector<float> parameters = parameters_of(plan);
    const Parameter& kernel = plan.parameters.front();
    std::fill_n(parameters.begin() + kernel.offset, kernel.size(), std::numeric_limits<float>::quiet_NaN());
    cpu::CpuProgram<float> program(plan, training(c.rows), parameters.data(), cpu::chosen_isa());
    INFO(c.net);
    CHECK(std::isnan(program.compute_gradients(Data<float>(c).examples(false), 0)));
    CHECK(std::isnan(program.evaluate(Data<float>(c).examples(false), nullptr)));
  }
}

TEST_CASE("rows whose weights are all 0 change nothing") {
  const Case c{"dense 4 relu, dense", 3, 2, Loss::mse, 2};
  const Plan plan = plan_of(c);
  Data<float> data(c);
  data.weights = {0, 0};
  cpu::CpuProgram<float> program(plan, training(2), parameters_of(plan).data(), cpu::chosen_isa());
  CHECK(program.compute_gradients(data.examples(true), 0) == 0);
  for (const float g : program.gradients()) CHECK(g == 0);
}
