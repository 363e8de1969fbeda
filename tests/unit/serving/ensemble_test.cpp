#include <filesystem>

#include "../model/models.hpp"
#include "catch.hpp"
#include "ensemble/in_graph.hpp"
#include "fake_servable.hpp"
#include "gathered.hpp"
#include "serving/ensemble_model.hpp"
#include "serving/open_version.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

using test::FakeServable;
using test::Gathered;
using test::values_of;

// Members whose answer is their row.
struct Members {
  explicit Members(std::size_t count, EnsembleModel::Options options = {}) {
    std::vector<EnsembleModel::Member> members;
    for (std::size_t m = 0; m < count; ++m) {
      batchers.push_back(std::make_unique<Batcher>(BatcherOptions{}));
      fakes.push_back(std::make_shared<FakeServable>("m" + std::to_string(m)));
      fakes.back()->computed_by(batchers.back().get());
      members.push_back({fakes.back()->name(), 1, fakes.back()});
    }
    model = std::make_shared<EnsembleModel>("e", 1, std::move(members), options);
  }
  ~Members() {
    for (const auto& fake : fakes) fake->release();
    batchers.clear();
  }
  std::shared_ptr<Request> submit(std::vector<float> a) {
    auto request = test::request_of(std::static_pointer_cast<Servable>(model), std::move(a));
    request->completion = done;
    request->arrived = Clock::machine().now();
    REQUIRE(model->submit(request));
    return request;
  }
  std::vector<std::unique_ptr<Batcher>> batchers;
  std::vector<std::shared_ptr<FakeServable>> fakes;
  std::shared_ptr<EnsembleModel> model;
  std::shared_ptr<Gathered> done = std::make_shared<Gathered>();
};

// All rows in one batch.
class OneBatch : public BatchSource {
 public:
  explicit OneBatch(Batch batch) : batch_(std::move(batch)) {}
  const std::shared_ptr<const Schema>& schema() const override { return batch_.schema; }
  std::optional<Batch> next() override {
    return std::exchange(done_, true) ? std::nullopt : std::optional(batch_);
  }

 private:
  Batch batch_;
  bool done_ = false;
};

// Classifiers over a tensor, each with other weights.
void write_classifier(const std::string& path, float shift) {
  model::Model model;
  model.encoder = model::Encoder({{"x", model::InputColumn::Kind::tensor, {5}, {}, {}, {}, {}}});
  model.target.kind = model::Target::Kind::classes;
  model.target.classes = {"a", "b", "c"};
  model.loss = Loss::categorical_crossentropy;
  model.network = parse_network("dense 7 tanh, dense");
  resolve(model.network, model.encoder.input_shape(), 3);
  test::fill_parameters(model);
  const Plan plan = lower(model.network, model.loss);
  auto* values = const_cast<float*>(model.parameters.get());
  for (std::int64_t i = 0; i < plan.parameter_count; ++i)
    values[i] = std::sin(shift * static_cast<float>(i + 1)) / 2;
  fs::create_directories(fs::path(path).parent_path());
  model::save_model(path, model);
}

Batch some_rows(std::size_t count) {
  std::vector<float> x(count * 5);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::cos(static_cast<float>(i) * 0.37f) * 2;
  return test::Table().f32("x", x, {5}).batch();
}

}  // namespace

TEST_CASE(
    "an ensemble that is served answers what an ensemble in a file's graph answers, to the last digit") {
  const test::Scratch scratch;
  write_classifier(scratch / "a/1/model.nn", 1.3f);
  write_classifier(scratch / "a/2/model.nn", 2.1f);
  write_classifier(scratch / "e/1/c.nn", 0.7f);
  const Batch rows = some_rows(100);
  Batcher batcher({});
  const std::vector<Place> places{{backend::Device{}, &batcher}};
  const auto done = std::make_shared<Gathered>();
  std::size_t answered = 0;
  for (const std::string rule : {"", "mean", "vote", "weighted", "geometric", "median", "rank", "max"}) {
    INFO("rule " << rule);
    std::string text = rule.empty() ? "" : "rule = \"" + rule + "\"\n";
    text += "[[member]]\nmodel = \"a\"\nversion = 1\nweight = 2\n[[member]]\nmodel = \"a\"\nversion = 2\n";
    text += "[[member]]\nfile = \"c.nn\"\nweight = 0.5\n";
    test::write_bytes(scratch / "e/1/ensemble.toml", text);
    repository::ModelSpec spec = repository::parse_repository_spec("e=" + (scratch / "e"));
    const auto found = repository::find_versions(spec);
    REQUIRE(found.size() == 1);
    REQUIRE(found[0].ensemble);
    const std::shared_ptr<Servable> model =
        open_version("e", found[0], places, backend::Precision::float32, {.rows = 64});
    auto request = std::make_shared<Request>();
    request->rows = rows;
    request->binding = serving::bind(model, *rows.schema);
    request->completion = done;
    REQUIRE(model->submit(request));
    done->wait_for(++answered);
    REQUIRE(request->state == Request::State::answered);
    CHECK(request->took_part == 7);
    CHECK(model->members()[0] == "a/1");
    CHECK(model->members()[2] == "c.nn");

    ensemble::InGraphOptions options;
    for (const auto& [path, weight] :
         {std::pair{"a/1/model.nn", 2.0}, {"a/2/model.nn", 1.0}, {"e/1/c.nn", 0.5}})
      options.members.push_back({scratch / path, backend::Device{}, weight});
    if (!rule.empty()) options.combination = ensemble::parse_combination(rule);
    const auto expected = ensemble::predict_in_graph(std::make_unique<OneBatch>(rows), options)->next();
    REQUIRE(expected);
    REQUIRE(expected->rows == 100);
    for (const char* column : {"proba", "label"}) {
      const auto at = expected->schema->find(column), ours = request->answers->schema->find(column);
      REQUIRE(at);
      REQUIRE(ours);
      const std::size_t bytes =
          column == std::string("proba") ? 100 * 3 * sizeof(float) : 100 * sizeof(std::int32_t);
      CHECK(std::memcmp(expected->columns[*at].data, request->answers->columns[*ours].data, bytes) == 0);
    }
  }
  backend::unpin_thread();
}

TEST_CASE("without a quorum all members must answer, and one's failure is the request's") {
  Members e(3);
  const auto good = e.submit({1, 2, 3});
  e.done->wait_for(1);
  CHECK(values_of(*good) == std::vector<float>{1, 2, 3});
  CHECK(good->took_part == 7);
  const auto bad = e.submit({1, NAN});
  e.done->wait_for(2);
  REQUIRE(bad->state == Request::State::failed);
  CHECK_THAT(bad->error->what(), Catch::Contains("row 1"));
}

TEST_CASE("with a quorum, a member that fails is left out, and the answer says so") {
  Members e(3, {.quorum = 2});
  e.fakes[1]->fail_device("the device is gone");
  const auto request = e.submit({4});
  e.done->wait_for(1);
  REQUIRE(request->state == Request::State::answered);
  CHECK(values_of(*request) == std::vector<float>{4});
  CHECK(request->took_part == 5);
  e.fakes[2]->fail_device("this one too");
  const auto too_few = e.submit({4});
  e.done->wait_for(2);
  CHECK(too_few->state == Request::State::failed);
}

TEST_CASE("a member that is late is left out at the deadline, where the quorum has answered") {
  Members e(2, {.quorum = 1, .deadline = 5ms});
  e.fakes[0]->hold();
  const auto request = e.submit({4, 5});
  e.done->wait_for(1);
  REQUIRE(request->state == Request::State::answered);
  CHECK(request->took_part == 2);
  CHECK(values_of(*request) == std::vector<float>{4, 5});
  // The quorum is waited for, whatever the deadline.
  e.fakes[1]->hold();
  const auto slow = e.submit({6});
  e.fakes[1]->wait_for_step(2);
  e.fakes[0]->release();
  e.done->wait_for(2);
  CHECK(values_of(*slow) == std::vector<float>{6});
  CHECK(slow->took_part == 1);
}

TEST_CASE("a request to an ensemble that is cancelled is cancelled with all members") {
  Members e(2);
  for (const auto& fake : e.fakes) fake->hold();
  const auto first = e.submit({1});
  for (const auto& fake : e.fakes) fake->wait_for_step(1);
  const auto second = e.submit({2});
  second->cancelled = true;
  for (const auto& fake : e.fakes) fake->release();
  e.done->wait_for(2);
  CHECK(second->state == Request::State::cancelled);
  for (const auto& fake : e.fakes) CHECK(fake->steps.size() == 1);
}

TEST_CASE("a file of an ensemble says its members, and what is wrong in it by the line") {
  const auto parse = [](const std::string& text) {
    return ensemble::parse_ensemble(text, "all/e/2/ensemble.toml");
  };
  const auto file = parse(
      "rule = \"median\"\nquorum = 1\ndeadline_ms = 50\n"
      "[[member]]\nmodel = \"iris\"\nversion = 3\ndevice = \"cpu:1\"\n[[member]]\nfile = \"b.nn\"\nweight = "
      "0.5\n");
  REQUIRE(file.members.size() == 2);
  CHECK(file.members[0].name == "iris/3");
  CHECK(file.members[0].path == "all/e/2/../../iris/3/model.nn");
  CHECK(file.members[0].device->cores == std::vector<int>{1});
  CHECK(file.members[1].path == "all/e/2/b.nn");
  CHECK(file.members[1].weight == 0.5);
  CHECK(file.combination.rule == ensemble::Rule::median);
  CHECK(file.quorum == 1);
  CHECK(file.deadline == 50ms);
  CHECK(parse("[[member]]\nfile = \"b.nn\"\n").quorum == 1);

  const auto fault = [&](const std::string& text) -> std::string {
    try {
      parse(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string one = "[[member]]\nfile = \"b.nn\"\n";
  CHECK_THAT(fault(""), Catch::Contains("no member"));
  CHECK_THAT(fault("rule = \"men\"\n" + one), Catch::Contains("ensemble.toml:1") && Catch::Contains("mean"));
  CHECK_THAT(fault("rule = \"concat\"\n" + one), Catch::Contains("is for files"));
  CHECK_THAT(fault("quorum = 2\n" + one), Catch::Contains("quorum of 2"));
  CHECK_THAT(fault("quorum = 0\n" + one), Catch::Contains("ensemble.toml:1"));
  CHECK_THAT(fault("deadline_ms = -1\n" + one), Catch::Contains("ensemble.toml:1"));
  CHECK_THAT(fault("x = 1\n" + one), Catch::Contains("ensemble.toml:1"));
  CHECK_THAT(fault("member = 1\n"), Catch::Contains("ensemble.toml:1"));
  CHECK_THAT(fault("[[member]]\nfile = \"../b.nn\"\n"), Catch::Contains("ensemble.toml:2"));
  CHECK_THAT(fault("[[member]]\nfile = \"/etc/b.nn\"\n"), Catch::Contains("ensemble.toml:2"));
  CHECK_THAT(fault("[[member]]\nmodel = \"..\"\nversion = 1\n"), Catch::Contains("ensemble.toml:2"));
  CHECK_THAT(fault("[[member]]\nmodel = \"m\"\n"), Catch::Contains("ensemble.toml:1"));
  CHECK_THAT(fault("[[member]]\nfile = \"b.nn\"\nversion = 1\n"), Catch::Contains("ensemble.toml:1"));
  CHECK_THAT(fault("[[member]]\nfile = \"b.nn\"\nweight = 0\n"), Catch::Contains("ensemble.toml:3"));
  CHECK_THAT(fault("[[member]]\nfile = \"b.nn\"\ndevice = \"gpu\"\n"), Catch::Contains("ensemble.toml:3"));
  CHECK_THAT(fault("[[member\n"), Catch::Contains("ensemble.toml:1"));
}
