// Models as NumPy archives and JSON.
#include "exchange/convert.hpp"

#include <cmath>
#include <cstring>
#include <functional>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "catch.hpp"
#include "exchange/json.hpp"
#include "format/numpy/npy.hpp"
#include "linear.hpp"

using namespace nn;
using namespace nn::exchange;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

// An archive like save_npz()'s, with changes.
class Archive {
 public:
  explicit Archive(const std::string& path) : file_(path), writer_(file_) {}
  template <typename T>
  Archive& add(const char* name, DType type, const Shape& shape, const std::vector<T>& values) {
    writer_.add(name, type, shape, std::as_bytes(std::span(values)));
    return *this;
  }
  Archive& text(const char* name, const std::string& text) {
    writer_.add_text(name, text);
    return *this;
  }
  void finish() {
    writer_.finish();
    file_.commit();
  }

 private:
  OutputFile file_;
  format::NpzWriter writer_;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

const std::vector<double> kernel(4 * 2, 0.5);
const std::vector<float> bias{1, 2};

}  // namespace

TEST_CASE("to an archive and back gives the same bytes") {
  const Scratch scratch;
  for (model::Model model : {class_model(), number_model()}) {
    model.provenance.metrics.emplace_back("odd", NAN);
    model.provenance.metrics.emplace_back("odd", -HUGE_VAL);
    model.provenance.metrics.emplace_back("small", 5e-324);
    model::save_model(scratch / "m.nn", model);
    save_npz(scratch / "m.npz", model::load_model(scratch / "m.nn"));
    model::Model back = load_npz(scratch / "m.npz");
    model::save_model(scratch / "back.nn", back);
    CHECK(read_file(scratch / "m.nn") == read_file(scratch / "back.nn"));
    save_npz(scratch / "again.npz", back);
    CHECK(read_file(scratch / "m.npz") == read_file(scratch / "again.npz"));
  }
}

TEST_CASE("an archive has the weights under plain names, as [inputs, outputs]") {
  const Scratch scratch;
  save_npz(scratch / "m.npz", class_model());
  const format::NpzArchive archive(scratch / "m.npz");
  CHECK(archive.names() == std::vector<std::string>{"dense_0/kernel", "dense_0/bias", "dense_1/kernel",
                                                    "dense_1/bias", "model.json"});
  CHECK(archive.read("dense_0/kernel").shape == Shape{6, 4});
  CHECK(archive.read("dense_1/bias").shape == Shape{3});
  CHECK(archive.read("dense_0/kernel").data.as<float>()[0] == 0.125f);
  CHECK_THAT(archive.read_text("model.json"),
             Contains("\"network\": \"dense 4 relu, dropout 0.25, dense 3\""));
}

TEST_CASE("weights that were changed are taken in, whatever their type") {
  const Scratch scratch;
  const std::string json = model_json(number_model());
  Archive(scratch / "m.npz")
      .text("model.json", json)
      .add("dense_0/bias", DType::f32, {2}, bias)
      .add("dense_0/kernel", DType::f64, {4, 2}, kernel)
      .finish();
  const model::Model model = load_npz(scratch / "m.npz");
  CHECK(model.parameters.get()[0] == 0.5f);
  CHECK(model.parameters.get()[16] == 1.0f);
}

TEST_CASE("the description may be an array of bytes, as numpy.savez writes it again") {
  const Scratch scratch;
  const std::string json = model_json(number_model());
  const std::string header =
      "{'descr': '|S" + std::to_string(json.size()) + "', 'fortran_order': False, 'shape': (), }\n";
  const std::string npy = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() & 0xFF) +
                          static_cast<char>(header.size() >> 8) + header + json;
  Archive(scratch / "m.npz")
      .text("model.json.npy", npy)
      .add("dense_0/bias", DType::f32, {2}, bias)
      .add("dense_0/kernel", DType::f64, {4, 2}, kernel)
      .finish();
  CHECK(model_json(load_npz(scratch / "m.npz")) == json);
}

TEST_CASE("archives that are no model are refused with the member and what is wrong") {
  set_verbosity(Verbosity::quiet);
  const Scratch scratch;
  const std::string json = model_json(number_model());
  const auto refuses = [&](const std::string& message, const std::function<void(Archive&)>& fill) {
    INFO(message);
    Archive archive(scratch / "m.npz");
    fill(archive);
    archive.finish();
    CHECK_THROWS_WITH(load_npz(scratch / "m.npz"), Contains(scratch / "m.npz: ") && Contains(message));
  };
  const auto with_weights = [](Archive& archive) {
    archive.add("dense_0/bias", DType::f32, {2}, bias).add("dense_0/kernel", DType::f64, {4, 2}, kernel);
  };
  refuses("has no member model.json", [&](Archive& a) { with_weights(a); });
  refuses("has no array 'dense_0/kernel', which the network needs",
          [&](Archive& a) { a.text("model.json", json).add("dense_0/bias", DType::f32, {2}, bias); });
  refuses("array 'dense_0/kernel': has shape [2,4], but the network needs [4,2]", [&](Archive& a) {
    a.text("model.json", json)
        .add("dense_0/bias", DType::f32, {2}, bias)
        .add("dense_0/kernel", DType::f64, {2, 4}, kernel);
  });
  refuses("array 'dense_0/bias': element 1 is nan, not a weight", [&](Archive& a) {
    a.text("model.json", json)
        .add("dense_0/bias", DType::f32, {2}, std::vector<float>{1, NAN})
        .add("dense_0/kernel", DType::f64, {4, 2}, kernel);
  });
  refuses("array 'dense_0/bias': element 0 is 1e+300, not a weight", [&](Archive& a) {
    a.text("model.json", json)
        .add("dense_0/bias", DType::f64, {2}, std::vector<double>{1e300, 1})
        .add("dense_0/kernel", DType::f64, {4, 2}, kernel);
  });

  const std::pair<std::string, std::string> changes[] = {
      {"\"format\": \"nn-model\"", "\"format\": \"other\""},
      {"\"format_version\": 1", "\"format_version\": 99"},
      {"\"loss\": \"huber\"", "\"loss\": \"hubris\""},
      {"\"loss\": \"huber\"", "\"loss\": 3"},
      {"\"network\": \"flatten, dense 2\"", "\"network\": \"flatten, dense 3\""},
      {"\"network\": \"flatten, dense 2\"", "\"network\": \"dance 2\""},
      {"\"network\": \"flatten, dense 2\"", "\"network\": \"dense 1000000000, dense 1000000000, dense 2\""},
      {"\"input\": [2,2]", "\"input\": [2,-2]"},
      {"\"input\": [2,2]", "\"input\": [2,2.5]"},
      {"\"input\": [2,2]", "\"input\": [2,18446744073709551615]"},
      {"\"input\": [2,2]", "\"input\": {}"},
      {"\"kind\": \"tensor\"", "\"kind\": \"tenor\""},
      {"\"scale\": [0.5", "\"scale\": [0"},
      {"\"scale\": [0.5", "\"scale\": [\"inf\""},
      {"\"scale\": [0.5", "\"scale\": [null"},
      {"\"seed\": 0", "\"seed\": -1"},
      {"\"provenance\"", "\"province\""},
      {"\"preprocessing\"", "\"preprocess\""},
      {"\"name\": \"x\"", "\"name\": {\"hex\": \"0\"}"},
      {"\"name\": \"x\"", "\"name\": {\"hex\": \"zz\"}"},
      {json, "{"},
      {json, "[]"},
      {json, "[[[[[[1]]]]]]"},
      {json, std::string(100000, '[')},
  };
  for (const auto& [from, to] : changes) {
    const std::string changed = replaced(json, from, to);
    refuses("model.json", [&](Archive& a) {
      a.text("model.json", changed);
      with_weights(a);
    });
  }
}

TEST_CASE("text for people is safe to print") {
  model::Model model = class_model();
  model.target.name = "\x1B[31m";
  const std::string text = file_text({model, std::nullopt, 100});
  CHECK(text.find('\x1B') == std::string::npos);
  CHECK_THAT(text, Contains("dense 4 relu, dropout 0.25, dense 3") &&
                       Contains("3 categories: clerk, smith, \\xe9t\\xe9"));
}

TEST_CASE("description-brackets: nested JSON is refused before a tree is built") {
  const double begin = test::thread_seconds();
  CHECK_THROWS_AS(model_from_json(std::string(8'000'000, '[')), Error);
  CHECK(test::thread_seconds() - begin < 0.1);
}
