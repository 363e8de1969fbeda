#include "serving/engine.hpp"

#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "../ensemble/table.hpp"
#include "../model/models.hpp"
#include "catch.hpp"
#include "nn/network.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;

namespace {

// A model of two inputs and one number.
std::shared_ptr<ServedModel> served(const test::Scratch& scratch) {
  model::Model model;
  model.network = parse_network("dense 3 tanh, dense");
  const model::InputColumn a{"a", model::InputColumn::Kind::number, {}, {0}, {}, {}, {}};
  const model::InputColumn b{"b", model::InputColumn::Kind::number, {}, {0}, {}, {}, {}};
  model.encoder = model::Encoder({a, b});
  model.target.kind = model::Target::Kind::numbers;
  resolve(model.network, model.encoder.input_shape(), 1);
  model.loss = Loss::mse;
  test::fill_parameters(model);
  model::save_model(scratch / "m.nn", model);
  return std::make_shared<ServedModel>("m", 1, scratch / "m.nn", backend::Device{},
                                       backend::Precision::float32);
}

std::shared_ptr<const Binding> binding_of(const std::shared_ptr<ServedModel>& model, const Schema& schema) {
  return std::make_shared<Binding>(
      Binding{model, model->predictor.bind(schema),
              predict::PredictionBuilder(model->predictor.kind(), schema, false, {})});
}

// Gathers what the engine has done.
struct Done {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::vector<std::shared_ptr<Job>>> groups;
  std::size_t jobs = 0;
  void operator()(std::vector<std::shared_ptr<Job>> group) {
    const std::lock_guard lock(mutex);
    jobs += group.size();
    groups.push_back(std::move(group));
    changed.notify_all();
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_until(lock, std::chrono::system_clock::now() + 20s, [&] { return jobs >= count; }));
  }
};

std::shared_ptr<Job> job_of(const std::shared_ptr<ServedModel>& model, std::vector<float> a) {
  const std::vector<float> b(a.size(), 0.5f);
  auto job = std::make_shared<Job>();
  job->rows = test::Table().f32("a", a).f32("b", b).batch();
  job->binding = binding_of(model, *job->rows.schema);
  job->arrived = Job::Clock::now();
  return job;
}

std::vector<float> values_of(const Job& job) {
  REQUIRE(job.state == Job::State::answered);
  const auto column = job.answers->schema->find("value");
  REQUIRE(column);
  const float* values = job.answers->columns[*column].as<float>();
  return {values, values + job.answers->rows};
}

}  // namespace

TEST_CASE("requests that wait are answered in one step, each as if it were alone") {
  const test::Scratch scratch;
  const auto model = served(scratch);
  Done done;
  EngineOptions options;
  options.batch_delay = 200ms;
  options.batch_max = 6;
  Engine engine(options, [&](auto jobs) { done(std::move(jobs)); });
  std::vector<std::shared_ptr<Job>> jobs;
  for (const std::vector<float>& rows : {std::vector<float>{1, 2}, {3}, {4, 5, 6}})
    jobs.push_back(job_of(model, rows));
  for (const auto& job : jobs) engine.submit(job);
  done.wait_for(3);
  CHECK(done.groups.size() == 1);
  for (const auto& job : jobs) {
    const auto together = values_of(*job);
    const auto alone =
        job_of(model, {job->rows.columns[0].as<float>(), job->rows.columns[0].as<float>() + job->rows.rows});
    std::vector<float> expected(together.size());
    const predict::PredictorInput input{&alone->binding->encoder, &alone->rows};
    model->predictor.predict({&input, 1}, expected.data());
    CHECK(together == expected);
  }
}

TEST_CASE("one request's bad row fails that request only") {
  const test::Scratch scratch;
  const auto model = served(scratch);
  Done done;
  EngineOptions options;
  options.batch_delay = 100ms;
  Engine engine(options, [&](auto jobs) { done(std::move(jobs)); });
  const auto good = job_of(model, {1, 2}), bad = job_of(model, {1, INFINITY}), other = job_of(model, {3});
  for (const auto& job : {good, bad, other}) engine.submit(job);
  done.wait_for(3);
  CHECK(values_of(*good).size() == 2);
  CHECK(values_of(*other).size() == 1);
  REQUIRE(bad->state == Job::State::failed);
  CHECK_THAT(bad->error->what(), Catch::Contains("row 1"));
}

TEST_CASE("late and cancelled requests are not computed") {
  const test::Scratch scratch;
  const auto model = served(scratch);
  Done done;
  Engine engine({}, [&](auto jobs) { done(std::move(jobs)); });
  const auto late = job_of(model, {1}), cancelled = job_of(model, {1});
  late->deadline = late->arrived - 1us;
  cancelled->cancelled = true;
  engine.submit(late);
  engine.submit(cancelled);
  done.wait_for(2);
  CHECK(late->state == Job::State::late);
  CHECK(cancelled->state == Job::State::dropped);
}

TEST_CASE("a small request is answered at once where nothing else is to be done") {
  const test::Scratch scratch;
  const auto model = served(scratch);
  Done done;
  Engine engine({}, [&](auto jobs) { done(std::move(jobs)); });
  const auto small = job_of(model, {1});
  REQUIRE(engine.try_now(*small));
  CHECK(values_of(*small).size() == 1);
  const auto large = job_of(model, std::vector<float>(100000, 1.0f));
  CHECK_FALSE(engine.try_now(*large));
  EngineOptions patient;
  patient.batch_delay = 1ms;
  Engine waiting(patient, [&](auto jobs) { done(std::move(jobs)); });
  CHECK_FALSE(waiting.try_now(*job_of(model, {1})));
}
