#include <filesystem>
#include <future>
#include <thread>

#include "../model/models.hpp"
#include "catch.hpp"
#include "ensemble/in_graph.hpp"
#include "fake_servable.hpp"
#include "gathered.hpp"
#include "serving/ensemble_model.hpp"
#include "serving/late_servable.hpp"
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

// Classifiers over a tensor, or models of two numbers, each with other weights.
void write_model(const std::string& path, float shift, bool classes = true, std::int64_t inputs = 5) {
  model::Model model;
  model.encoder = model::Encoder({{"x", model::InputColumn::Kind::tensor, {inputs}, {}, {}, {}, {}}});
  model.target.kind = classes ? model::Target::Kind::classes : model::Target::Kind::numbers;
  model.loss = classes ? Loss::categorical_crossentropy : Loss::mse;
  if (classes) {
    model.target.classes = {"a", "b", "c"};
  } else {
    model.target.shape = {2};
  }
  model.network = parse_network("dense 7 tanh, dense");
  resolve(model.network, model.encoder.input_shape(), classes ? 3 : 2);
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

namespace {

// Three members, of which the last is a file of the ensemble's own folder, on two devices.
struct Served {
  explicit Served(bool classes) {
    write_model(scratch / "a/1/model.nn", 1.3f, classes);
    write_model(scratch / "a/2/model.nn", 2.1f, classes);
    write_model(scratch / "e/1/c.nn", 0.7f, classes);
    write_model(scratch / "e/1/stack.nn", 1.1f, classes, classes ? 9 : 6);
    write_model(scratch / "s/4/model.nn", 1.1f, classes, classes ? 9 : 6);
  }
  ~Served() { backend::unpin_thread(); }
  std::shared_ptr<Servable> open(const std::string& rule) {
    std::string text = rule.empty() ? "" : "rule = \"" + rule + "\"\n";
    text += "[[member]]\nmodel = \"a\"\nversion = 1\nweight = 2\n[[member]]\nmodel = \"a\"\nversion = 2\n";
    text += "[[member]]\nfile = \"c.nn\"\nweight = 0.5\n";
    test::write_bytes(scratch / "e/1/ensemble.toml", text);
    const auto found = repository::find_versions(repository::parse_repository_spec("e=" + (scratch / "e")));
    REQUIRE(found.size() == 1);
    REQUIRE(found[0].ensemble);
    return open_version("e", found[0], places, backend::Precision::float32, {.rows = 64});
  }
  std::shared_ptr<Request> ask(const std::shared_ptr<Servable>& model, const Batch& rows) {
    auto request = std::make_shared<Request>();
    request->rows = rows;
    request->binding = serving::bind(model, *rows.schema);
    request->completion = done;
    REQUIRE(model->submit(request));
    done->wait_for(++answered);
    return request;
  }
  Batch in_graph(const std::string& rule, const Batch& rows) const {
    ensemble::InGraphOptions options;
    for (const auto& [path, weight] :
         {std::pair{"a/1/model.nn", 2.0}, {"a/2/model.nn", 1.0}, {"e/1/c.nn", 0.5}})
      options.members.push_back({scratch / path, backend::Device{}, weight});
    if (!rule.empty()) options.combination = ensemble::parse_combination(rule);
    auto batch = ensemble::predict_in_graph(std::make_unique<OneBatch>(rows), options)->next();
    REQUIRE(batch);
    return std::move(*batch);
  }
  test::Scratch scratch;
  Batcher one{{}}, other{{}};
  std::vector<Place> places{{backend::Device{}, &one}, {backend::Device{}, &other}};
  std::shared_ptr<Gathered> done = std::make_shared<Gathered>();
  std::size_t answered = 0;
};

}  // namespace

TEST_CASE("an ensemble that is served answers what nn-predict's does, by every rule, to the last digit") {
  const bool classes = GENERATE(true, false);
  CAPTURE(classes);
  Served served(classes);
  const Batch rows = some_rows(100);
  std::vector<std::string> rules{"", "stack:stack.nn", "stack:s/4"};
  for (const std::string_view rule : ensemble::combination_names()) rules.emplace_back(rule);
  std::uint64_t members_bytes = 0;
  for (const std::string& rule : rules) {
    INFO("rule " << rule);
    const bool fits = rule.empty() || rule.starts_with("stack:s") ||
                      (rule != "concat" && rule != "stack:" &&
                       (classes ? ensemble::fits_classes(ensemble::parse_rule(rule))
                                : ensemble::fits_numbers(ensemble::parse_rule(rule))));
    if (!fits) {
      CHECK_THROWS_WITH(served.open(rule), Catch::Contains("ensemble.toml") &&
                                               (Catch::Contains(rule) || Catch::Contains("stack")));
      continue;
    }
    const auto model = served.open(rule);
    const auto request = served.ask(model, rows);
    REQUIRE(request->state == Request::State::answered);
    CHECK(request->took_part == 7);
    CHECK(model->members()[0] == "a/1");
    CHECK(model->members()[2] == "c.nn");
    const bool stacked = rule.starts_with("stack:");
    const LoadReport report = model->report();
    CHECK(report.weight_bytes + report.step_bytes == model->bytes());
    if (rule.empty()) members_bytes = model->bytes();
    CHECK((model->bytes() > members_bytes) == stacked);
    const Batch expected =
        served.in_graph(stacked ? "stack:" + (served.scratch / "e/1/stack.nn") : rule, rows);
    REQUIRE(expected.rows == 100);
    for (const char* column : {"proba", "label", "value"}) {
      const auto at = expected.schema->find(column), ours = request->answers->schema->find(column);
      REQUIRE(at.has_value() == ours.has_value());
      if (!at) continue;
      const Field& field = expected.schema->fields[*at];
      const std::size_t bytes =
          field.type == DType::f32
              ? static_cast<std::size_t>(100 * element_count(field.shape)) * sizeof(float)
              : 100 * sizeof(std::int32_t);
      CHECK(std::memcmp(expected.columns[*at].data, request->answers->columns[*ours].data, bytes) == 0);
    }
  }
}

TEST_CASE("what an ensemble can't be made of is said by its name") {
  Served served(true);
  const auto why = [&](const std::string& text) -> Error {
    test::write_bytes(served.scratch / "e/1/ensemble.toml", text);
    const auto found =
        repository::find_versions(repository::parse_repository_spec("e=" + (served.scratch / "e")));
    try {
      open_version("e", found.at(0), served.places, backend::Precision::float32, {.rows = 4});
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::internal, "it was opened");
  };
  // Later it may be there.
  const Error missing = why("member = [{model = \"a\", version = 9}]\n");
  CHECK(missing.kind() == ErrorKind::io);
  CHECK_THAT(missing.what(), Catch::Contains("member a/9") && Catch::Contains("no such version"));
  CHECK_THAT(why("member = [{model = \"e\", version = 1}]\n").what(),
             Catch::Contains("member e/1") && Catch::Contains("is an ensemble"));
  CHECK_THAT(why("member = [{file = \"gone.nn\"}]\n").what(), Catch::Contains("member gone.nn"));
  CHECK_THAT(why("member = [{file = \"c.nn\"}, {file = \"stack.nn\"}]\n").what(),
             Catch::Contains("different things as column 'x'"));
  write_model(served.scratch / "e/1/number.nn", 1, false);
  CHECK_THAT(why("member = [{file = \"c.nn\"}, {file = \"number.nn\"}]\n").what(),
             Catch::Contains("number.nn"));
  CHECK_THAT(why("rule = \"stack:stack.nn\"\nmember = [{file = \"c.nn\"}]\n").what(),
             Catch::Contains("stack.nn"));
  CHECK_THAT(why("member = [{file = \"c.nn\", device = \"cpu:99\"}]\n").what(), Catch::Contains("cpu:99"));
  CHECK_THAT(why("member = [{model = \"a\", version = 1, at = \"tcp://h:1\"}]\n").what(),
             Catch::Contains("only a server asks"));
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

namespace {

struct Waits : FakeServable {
  explicit Waits(std::chrono::microseconds its_wait) : wait(its_wait) {}
  std::chrono::microseconds predicted_wait(std::int64_t rows, Priority) const override {
    return wait + rows * 1ms;
  }
  std::chrono::microseconds wait;
};

}  // namespace

TEST_CASE("an ensemble is waited for as its members are, at the deadline as those that the quorum needs") {
  struct Case {
    EnsembleModel::Options options;
    std::int64_t rows;
    std::chrono::microseconds wait;
  };
  for (const Case& c : {
           Case{{}, 0, 90ms},
           Case{{}, 2, 92ms},
           Case{{.quorum = 2}, 2, 92ms},  // all are waited for
           Case{{.quorum = 2, .deadline = 50ms}, 0, 20ms},
           Case{{.quorum = 2, .deadline = 50ms}, 2, 50ms},
           Case{{.quorum = 2, .deadline = 5ms}, 2, 22ms},
           Case{{.quorum = 2, .deadline = 500ms}, 2, 92ms},
       }) {
    std::vector<EnsembleModel::Member> members;
    for (const auto wait : {90ms, 10ms, 20ms}) members.push_back({"m", 1, std::make_shared<Waits>(wait)});
    CHECK(EnsembleModel("e", 1, std::move(members), c.options).predicted_wait(c.rows) == c.wait);
  }
}

namespace {

// Lets go of a request when nobody else has it, nor works at it.
struct LetsGo : Completion {
  void complete(std::span<std::shared_ptr<Request>> requests) override {
    alone.get_future().wait();
    ensemble->fakes[0]->release();
    ensemble->batchers.clear();
    requests[0].reset();
  }
  Members* ensemble = nullptr;
  std::promise<void> alone;
};

}  // namespace

TEST_CASE("an ensemble that only a request has may end where that request's time is up") {
  Members e(2, {.quorum = 1, .deadline = 5ms});
  e.fakes[0]->hold();
  const auto lets_go = std::make_shared<LetsGo>();
  lets_go->ensemble = &e;
  auto request = test::request_of(std::static_pointer_cast<Servable>(e.model), {4});
  request->completion = lets_go;
  request->arrived = Clock::machine().now();
  REQUIRE(e.model->submit(request));
  e.model.reset();
  request.reset();
  lets_go->alone.set_value();
  while (e.fakes[1].use_count() > 1) std::this_thread::yield();
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

namespace {

// An ensemble of a member that is there and one that may come.
struct Late {
  explicit Late(EnsembleModel::Options options)
      : late(std::make_shared<LateServable>("far", 3, "tcp://h:1", [this] { ++failures; })) {
    near = std::make_shared<FakeServable>("near");
    near->computed_by(&batcher);
    make = [this, options] {
      model = std::make_shared<EnsembleModel>(
          "e", 1,
          std::vector<EnsembleModel::Member>{{"near", 1, near, "cpu", nullptr},
                                             {"far", 1, late, late->where(), late}},
          options);
    };
  }
  std::shared_ptr<FakeServable> another() {
    auto fake = std::make_shared<FakeServable>("far", 3);
    fake->computed_by(&batcher);
    return fake;
  }
  std::shared_ptr<Request> ask() {
    auto request = test::request_of(std::static_pointer_cast<Servable>(model), {4});
    request->completion = done;
    request->arrived = Clock::machine().now();
    REQUIRE(model->submit(request));
    done->wait_for(++asked);
    return request;
  }
  Batcher batcher{{}};
  std::shared_ptr<FakeServable> near;
  std::shared_ptr<LateServable> late;
  std::function<void()> make;
  std::shared_ptr<EnsembleModel> model;
  std::shared_ptr<Gathered> done = std::make_shared<Gathered>();
  std::size_t asked = 0;
  std::atomic<int> failures{0};
};

}  // namespace

TEST_CASE("a member that isn't there is one that doesn't answer, and takes part once it comes") {
  Late e({.quorum = 1});
  e.make();
  CHECK(e.model->digest() == "near1,-");
  CHECK(e.ask()->took_part == 1);
  CHECK(e.failures == 1);
  LoadReport report = e.model->report();
  CHECK(report.incomplete == 1);
  CHECK(report.members.at(1).failed == 1);
  CHECK_THAT(report.members.at(1).fault, Catch::Contains("tcp://h:1"));
  e.late->arrive(e.another());
  CHECK(e.ask()->took_part == 3);
  CHECK(e.model->report().members.at(1).fault.empty());
  // It fails, and another takes its place: also rows of a table that was bound before go there.
  const auto broken = e.another(), good = e.another();
  broken->fail_device("gone");
  e.late->arrive(broken);
  CHECK(e.ask()->took_part == 1);
  CHECK(e.failures == 2);
  CHECK_THAT(e.model->report().members.at(1).fault, Catch::Contains("gone"));
  e.late->arrive(good);
  CHECK(e.ask()->took_part == 3);
  CHECK(e.model->report().incomplete == 2);
  // Who is missed keeps who is there.
  e.late->miss(make_error(ErrorKind::unavailable, "nobody"));
  CHECK(e.ask()->took_part == 3);
}

namespace {

class Lost : public FakeServable {
 public:
  using FakeServable::FakeServable;
  bool submit(std::shared_ptr<Request> request) override {
    request->error = make_error(ErrorKind::unavailable, "no worker answers").within_file("tcp://h:2");
    request->state = Request::State::failed;
    const auto completion = std::move(request->completion);
    completion->complete({&request, 1});
    return true;
  }
};

}  // namespace

TEST_CASE("who gets no answer hears why, and not of a member alone that has been away all along") {
  Late e({.quorum = 1});
  e.make();
  // The far one isn't there, and the near one would have done, had it been in time.
  auto request = test::request_of(std::static_pointer_cast<Servable>(e.model), {4});
  request->completion = e.done;
  request->arrived = Clock::machine().now();
  request->deadline = request->arrived - 1s;
  REQUIRE(e.model->submit(request));
  e.done->wait_for(++e.asked);
  CHECK(request->state == Request::State::late);
  CHECK(!request->error);
  // Both fail: both are told of, but not where they are.
  const auto ask_with = [&](std::shared_ptr<Servable> near) {
    e.model = std::make_shared<EnsembleModel>(
        "e", 1,
        std::vector<EnsembleModel::Member>{{"near", 1, std::move(near), "cpu", nullptr},
                                           {"far", 1, e.late, e.late->where(), e.late}},
        EnsembleModel::Options{.quorum = 1});
    return e.ask()->error.value();
  };
  CHECK(ask_with(std::make_shared<Lost>("near")).what() ==
        std::string("1 of 2 members must answer, and 0 did: member near: no worker answers; "
                    "member far: no worker has answered yet"));
  // A device that has failed ends a server, whoever else fails.
  e.near->fail_device("gone");
  CHECK(ask_with(e.near).kind() == ErrorKind::device);
}

TEST_CASE("an ensemble says whether enough of its members are there, and why not") {
  for (const std::size_t quorum : {1, 2}) {
    INFO(quorum);
    Late e({.quorum = quorum});
    e.late->arrive(e.another());
    e.make();
    CHECK_FALSE(e.model->absence());
    // The worker refuses, which isn't for ever.
    e.late->miss(data_error("no version 3 of model 'far'").within_file("tcp://h:1"));
    const auto absence = e.model->absence();
    CHECK(absence.has_value() == (quorum == 2));
    if (absence) {
      CHECK(absence->kind() == ErrorKind::unavailable);
      CHECK(absence->what() == std::string("member far: tcp://h:1: no version 3 of model 'far'"));
      CHECK_THAT(absence->public_statement(), !Catch::Contains("tcp:"));
    }
    CHECK_THAT(e.model->report().members.at(1).fault, Catch::Contains("no version 3"));
    CHECK(e.ask()->took_part == 3);  // whoever has it still is asked
    e.late->arrive(e.another());
    CHECK_FALSE(e.model->absence());
  }
}

TEST_CASE("without enough members there is no ensemble yet, and one that answers differently is none") {
  Late e({});
  e.late->miss(data_error("nobody listens"));
  try {
    e.make();
    FAIL("it isn't there");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unavailable);  // worth another try
    CHECK_THAT(error.what(), Catch::Contains("member far") && Catch::Contains("nobody listens"));
  }
  Late other({.quorum = 1});
  other.make();
  const test::Scratch scratch;
  write_model(scratch / "m/1/model.nn", 1);
  other.late->arrive(std::make_shared<LocalModel>("far", 3, scratch / "m/1/model.nn", backend::Device{},
                                                  backend::Precision::float32, &other.batcher));
  CHECK(other.ask()->took_part == 1);
  CHECK_THAT(other.model->report().members.at(1).fault, Catch::Contains("tcp://h:1: another model is there"));
  backend::unpin_thread();
}

TEST_CASE("a file of an ensemble says its members, and what is wrong in it by the line") {
  const auto parse = [](const std::string& text) {
    return ensemble::parse_ensemble(text, "all/e/2/ensemble.toml");
  };
  const auto file = parse(
      "rule = \"median\"\nquorum = 1\ndeadline_ms = 50\n"
      "[[member]]\nmodel = \"iris\"\nversion = 3\ndevice = \"cpu:1\"\n[[member]]\nfile = \"b.nn\"\nweight = "
      "0.5\n[[member]]\nmodel = \"m\"\nversion = 7\nat = [\"tcp://h:1\", \"unix:/w\"]\n");
  REQUIRE(file.members.size() == 3);
  CHECK(file.members[2].name == "m/7");
  CHECK(file.members[2].at == std::vector<std::string>{"tcp://h:1", "unix:/w"});
  CHECK(file.local().size() == 2);
  CHECK(file.members[0].name == "iris/3");
  CHECK(file.members[0].path == "all/iris/3/model.nn");
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
  CHECK_THAT(fault("rule = \"concat\"\n" + one), Catch::Contains("'concat' answers nothing"));
  CHECK(parse("rule = \"stack:s.nn\"\n[[member]]\nfile = \"b.nn\"\n").combination.model == "all/e/2/s.nn");
  CHECK(parse("rule = \"stack:s/2\"\n[[member]]\nfile = \"b.nn\"\n").combination.model == "all/s/2/model.nn");
  CHECK_THAT(fault("rule = \"stack:../s.nn\"\n" + one), Catch::Contains("ensemble.toml:1"));
  CHECK_THAT(fault("rule = \"stack:s.nn\"\nquorum = 1\n" + one + one),
             Catch::Contains("needs the answers of all"));
  CHECK_THAT(fault("deadline_ms = 5\n" + one), Catch::Contains("quorum says"));
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
  for (const std::string at : {"\"h:1\"", "\"exec:rm -r /\"", "\"ssh://h\"", "[]", "[1]", "1"}) {
    CAPTURE(at);
    CHECK_THAT(fault("[[member]]\nmodel = \"m\"\nversion = 1\nat = " + at + "\n"),
               Catch::Contains("ensemble.toml:4"));
  }
  CHECK_THAT(fault("[[member]]\nfile = \"b.nn\"\nat = \"tcp://h:1\"\n"), Catch::Contains("and no file"));
  CHECK_THAT(fault("[[member]]\nfile = \"a\\rb\"\n"), Catch::Contains("ensemble.toml:2"));
  CHECK_THAT(fault("[[member\n"), Catch::Contains("ensemble.toml:1"));
}
