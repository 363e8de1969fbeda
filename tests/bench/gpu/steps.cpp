// bench-gpu DEVICE: seconds of a step of a network, as programs of the backend make them.
//
// A question: {"work", "net", "shape", "outputs", "batch", "members", "precision", "seconds"}; its answer
// {"seconds"}, of a sample of so many seconds behind steps that aren't counted, or {"skipped": why}.
// Work is train-kept (rows chosen of a data set on the device), train (batches from the host's memory),
// each with "losses": of how many steps they are read at once (0: as the backend has it), and predict.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <numeric>
#include <vector>

#include "answers.hpp"
#include "backend/backend.hpp"
#include "base/error.hpp"
#include "base/memory.hpp"
#include "base/numbers.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "nn/initialise.hpp"

namespace nn::bench {
namespace {

constexpr std::int64_t data_bytes = 256 << 20;  // the most that a data set takes
constexpr std::int64_t most_batches = 16;

Shape shape_of(const std::string& text) {
  Shape shape;
  for (const std::string& side : split(text, 'x')) shape.push_back(parse_integer(side));
  return shape;
}

Plan plan_of(const Json& q) {
  Network network = parse_network(q.at("net").get<std::string>());
  resolve(network, shape_of(q.at("shape")), q.at("outputs").get<std::int64_t>(), {});
  return lower(network, Loss::categorical_crossentropy);
}

// Rows of noise, of whole batches.
struct Rows {
  Rows(const Plan& plan, std::int64_t batch) {
    const auto row_bytes = plan.inputs * static_cast<std::int64_t>(sizeof(float));
    batches = std::clamp<std::int64_t>(data_bytes / (row_bytes * batch), 2, most_batches);
    const auto count = static_cast<std::size_t>(batches * batch);
    x.resize(count * static_cast<std::size_t>(plan.inputs));
    labels.resize(count);
    order.resize(count);
    RandomStream random(1, RandomUse::shuffle);
    for (float& value : x) value = static_cast<float>(random.uniform() - 0.5);
    for (std::int32_t& label : labels)
      label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(plan.outputs)));
    std::iota(order.begin(), order.end(), 0U);
    for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  }
  std::int64_t batches = 0;
  std::vector<float> x;
  std::vector<std::int32_t> labels;
  std::vector<std::uint32_t> order;
};

// A network, or several in one program, and rows for it.
class Work {
 public:
  Work(backend::Backend& backend, const Json& q)
      : plan_(plan_of(q)),
        batch_(q.at("batch")),
        members_(q.value("members", std::size_t{1})),
        predicts_(q.at("work") == "predict"),
        rows_(plan_, batch_) {
    std::vector<backend::ProgramOptions> options(members_);
    std::vector<const float*> starts;
    for (std::size_t m = 0; m < members_; ++m) {
      options[m].batch = batch_;
      options[m].training = !predicts_;
      options[m].seed = m;
      options[m].precision = backend::parse_precision(q.value("precision", "float32"));
      weights_.emplace_back(static_cast<std::size_t>(plan_.parameter_count) * sizeof(float));
      initialise(plan_, m + 1, {weights_[m].as<float>(), static_cast<std::size_t>(plan_.parameter_count)});
      starts.push_back(weights_[m].as<float>());
    }
    program_ = backend.compile(plan_, options, starts);
    const std::uint64_t losses = q.value("losses", std::uint64_t{0});
    losses_every_ = losses > 0 ? losses : program_->steps_between_losses();
    kept_ = q.at("work") == "train-kept";
    if (kept_ && !program_->keep(all())) kept_ = gone_ = true;
    y_.resize(members_ * static_cast<std::size_t>(batch_ * plan_.answers()));
    losses_.resize(members_);
    batches_.resize(members_);
    steps_.resize(members_);
  }

  // Why there is nothing to measure.
  const char* skipped() const { return gone_ ? "the backend keeps no data set" : nullptr; }

  double sample(double seconds) {
    if (step_s_ == 0) run(3);  // the first ones load libraries and record graphs
    if (step_s_ == 0) step_s_ = seconds_of([&] { run(2); }) / 2;
    const long count = calls_in(seconds, step_s_);
    return step_s_ = seconds_of([&] { run(count); }) / static_cast<double>(count);
  }

 private:
  backend::Examples all() const { return {rows_.batches * batch_, rows_.x.data(), rows_.labels.data()}; }
  backend::Examples batch(std::uint64_t number) const {
    const auto first = static_cast<std::int64_t>(number % static_cast<std::uint64_t>(rows_.batches)) * batch_;
    if (!kept_) return {batch_, rows_.x.data() + first * plan_.inputs, rows_.labels.data() + first};
    backend::Examples chosen = all();
    chosen.rows = batch_;
    chosen.chosen = rows_.order.data() + first;
    return chosen;
  }

  // Steps and the wait for the last one.
  void run(long count) {
    for (long i = 0; i < count; ++i, ++number_) {
      if (predicts_) {
        program_->forward(batch_, batch(number_).x, y_.data());
        continue;
      }
      for (std::size_t m = 0; m < members_; ++m) {
        batches_[m] = batch(number_ + m);
        steps_[m] = {{&batches_[m], 1}, 1e-4, number_};
      }
      program_->train_step(std::span<const backend::Step>(steps_));
      if ((number_ + 1) % losses_every_ == 0) program_->read_losses(losses_);
    }
    if (!predicts_) program_->read_losses(losses_);
  }

  Plan plan_;
  std::int64_t batch_;
  std::size_t members_;
  bool predicts_, kept_ = false, gone_ = false;
  Rows rows_;
  std::vector<Buffer> weights_;  // predicting programs borrow them
  std::unique_ptr<backend::Program> program_;
  std::uint64_t losses_every_ = 1, number_ = 0;
  std::vector<float> y_;
  std::vector<double> losses_;
  std::vector<backend::Examples> batches_;
  std::vector<backend::Step> steps_;
  double step_s_ = 0;
};

// All work on one network stays, so that it can be measured in turns; another one's takes its place.
class Works {
 public:
  explicit Works(backend::Backend& backend) : backend_(backend) {}

  Json answer(Json q) {
    const double seconds = q.at("seconds");
    q.erase("seconds");
    const std::string about =
        q.at("net").get<std::string>() + q.at("shape").get<std::string>() + q.at("batch").dump();
    if (about != about_) works_.clear();
    about_ = about;
    std::unique_ptr<Work>& work = works_[q.dump()];
    if (!work) work = std::make_unique<Work>(backend_, q);
    if (work->skipped() != nullptr) return {{"skipped", work->skipped()}};
    return {{"seconds", work->sample(seconds)}};
  }

 private:
  backend::Backend& backend_;
  std::string about_;
  std::map<std::string, std::unique_ptr<Work>> works_;
};

}  // namespace
}  // namespace nn::bench

int main(int argc, char** argv) {
  try {
    if (argc != 2) nn::fail_usage("usage: bench-gpu DEVICE");
    const auto backend = nn::backend::open_backend(nn::backend::parse_device(argv[1]));
    nn::bench::Works works(*backend);
    nn::bench::answer_all([&](const nn::bench::Json& question) { return works.answer(question); });
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-gpu: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
