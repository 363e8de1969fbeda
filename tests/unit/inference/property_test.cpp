// Requests that chance makes, read by another parser as well; and what reading takes of memory and time.
#include <bit>
#include <nlohmann/json.hpp>
#include <random>

#include "allocated.hpp"
#include "catch.hpp"
#include "inference/model.hpp"
#include "inference/v1.hpp"
#include "inference/v2.hpp"
#include "linear.hpp"

namespace nn::inference {
namespace {

using Json = nlohmann::json;
using test::Body;

class Chance {
 public:
  explicit Chance(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  std::string space() { return std::string(below(8) == 0 ? below(3) : 0, " \t\n\r"[below(4)]); }
  std::string number() {
    switch (below(5)) {
      case 0: return std::to_string(static_cast<int>(below(20)) - 10);
      case 1: return fmt::format("{}", std::uniform_real_distribution<double>(-1, 1)(random_));
      case 2:
        return fmt::format("{:.{}g}", std::uniform_real_distribution<double>(-1e9, 1e9)(random_),
                           1 + below(25));
      case 3: return fmt::format("{}e{}", below(100000), static_cast<int>(below(600)) - 300);
      default: {
        std::string digits = std::to_string(1 + below(9));
        for (std::size_t i = below(30); i > 0; --i) digits += static_cast<char>('0' + below(10));
        return digits + "." + std::to_string(below(1000000));
      }
    }
  }
  std::string row(std::size_t width) {
    std::string out = "[";
    for (std::size_t i = 0; i < width; ++i) out += (i == 0 ? "" : ",") + space() + number() + space();
    return out + "]";
  }

 private:
  std::mt19937 random_;
};

// Of a number; "-0" is an integer for the other parser, and has no sign there.
std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value); }

// The numbers of nested lists as another parser has them, each as its bits.
void flatten(const Json& value, std::vector<std::uint64_t>& out) {
  for (const Json& element : value) {
    if (element.is_array()) {
      flatten(element, out);
    } else if (element.is_number()) {
      out.push_back(bits_of(element.get<double>()));
    }
  }
}

std::vector<std::uint64_t> bits_of(const Rows& rows) {
  const Batch& batch = rows.batch();
  const auto count = static_cast<std::size_t>(batch.rows * element_count(batch.schema->fields[0].shape));
  const double* values = batch.columns[0].as<double>();
  std::vector<std::uint64_t> bits;
  for (std::size_t i = 0; i < count; ++i) bits.push_back(bits_of(values[i]));
  return bits;
}

// The document with some bytes of it changed, left out or doubled.
std::string mutated(std::string text, Chance& chance) {
  constexpr std::string_view letters = "{}[],:\"\\0159-+.eE \nntfNaI";
  for (std::size_t i = 1 + chance.below(3); i > 0 && !text.empty(); --i) {
    const std::size_t at = chance.below(text.size());
    switch (chance.below(3)) {
      case 0: text[at] = letters[chance.below(letters.size())]; break;
      case 1: text.erase(at, 1 + chance.below(3)); break;
      default: text.insert(at, text.substr(at, 1 + chance.below(4)));
    }
  }
  return text;
}

bool has_spelled_number(std::string_view text) {
  return text.find("NaN") != text.npos || text.find("Inf") != text.npos;
}

TEST_CASE("rows are the numbers that another parser reads, to the bit") {
  const Signature signature = test::signature_named("matrix");
  V1Reader v1;
  V2Reader v2;
  Rows rows;
  V1Request v1_request;
  V2Request v2_request;
  Chance chance(7);
  std::size_t read = 0, refused = 0;
  const auto check = [&](std::string_view key, const std::string& text, auto&& reads) {
    const Body body(text);
    try {
      reads(body.text());
    } catch (const Error&) {
      ++refused;
      return;
    }
    ++read;
    if (has_spelled_number(text)) return;
    INFO(text);
    const Json document = Json::parse(text, nullptr, false);
    REQUIRE(!document.is_discarded());
    std::vector<std::uint64_t> expected;
    flatten(key == "data" ? document.at("inputs").at(0).at("data") : document.at(key), expected);
    // A missing number is none there.
    if (text.find("null") == text.npos) CHECK(bits_of(rows) == expected);
  };
  for (int i = 0; i < 3000; ++i) {
    std::string list = "[";
    const std::size_t count = 1 + chance.below(4);
    for (std::size_t row = 0; row < count; ++row) list += (row == 0 ? "" : ",") + chance.row(4);
    list += "]";
    const std::string key = chance.below(2) == 0 ? "instances" : "inputs";
    std::string text = "{" + chance.space() + "\"" + key + "\"" + chance.space() + ":" + list + "}";
    const bool whole = i % 3 == 0;
    if (!whole) text = mutated(std::move(text), chance);
    const std::size_t before = read;
    check(key, text,
          [&](std::string_view body) { v1.read(body, V1Verb::predict, signature, rows, v1_request); });
    if (whole) CHECK(read == before + 1);
    std::string tensor = fmt::format(
        R"({{"inputs":[{{"name":"x","shape":[{},4],"datatype":"FP32","data":{}}}]}})", count, list);
    if (!whole) tensor = mutated(std::move(tensor), chance);
    const std::size_t between = read;
    check("data", tensor,
          [&](std::string_view body) { v2.read(body, std::nullopt, signature, rows, v2_request); });
    if (whole) CHECK(read == between + 1);
  }
  CHECK(read > 2000);
  CHECK(refused > 1000);
}

std::string wide_request(std::size_t rows) {
  Chance chance(1);
  std::string text = R"({"instances":[)";
  for (std::size_t row = 0; row < rows; ++row) text += (row == 0 ? "" : ",") + chance.row(64);
  return text + "]}";
}

Signature wide_signature() {
  std::vector<Field> columns;
  for (int c = 0; c < 64; ++c) columns.push_back(test::number("c" + std::to_string(c)));
  return test::signature_of(std::move(columns),
                            test::integers({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
}

TEST_CASE("requests like the one before take no memory") {
  const Signature signature = wide_signature();
  std::vector<float> values(10, 0.1f);
  const Answers answers{&signature, 1, values};
  Rows rows;
  std::string body;
  const auto most = [&](auto&& once) {
    for (int i = 0; i < 3; ++i) once();
    test::AllocatedBytes bytes;
    for (int i = 0; i < 10; ++i) once();
    return bytes.most();
  };

  V1Reader v1;
  V1Request v1_request;
  const auto serve_v1 = [&](const Body& request) {
    v1.read(request.text(), V1Verb::predict, signature, rows, v1_request);
    body.clear();
    append_v1_answer(body, v1_request, answers, false);
  };
  const Body matrix(wide_request(1));
  CHECK(most([&] { serve_v1(matrix); }) == 0);
  std::string named = R"({"signature_name":"all","instances":[{)";
  for (int c = 0; c < 64; ++c) named += fmt::format("{}\"c{}\":{}", c == 0 ? "" : ",", c, c);
  const Body columns(named + "}]}");
  CHECK(most([&] { serve_v1(columns); }) == 0);

  V2Reader v2;
  V2Request v2_request;
  const std::string header =
      R"({"id":"1","inputs":[{"name":"x","shape":[1,64],"datatype":"FP32","parameters":{"binary_data_size":256}}],)"
      R"("outputs":[{"name":"proba","parameters":{"binary_data":true}},{"name":"label","parameters":{"binary_data":true}}]})";
  const std::string length = std::to_string(header.size());
  const Body binary(header + std::string(256, '\0'));
  CHECK(most([&] {
          v2.read(binary.text(), length, signature, rows, v2_request);
          body.clear();
          append_v2_answer(body, v2_request, {"digits", 3, {}}, answers, false);
        }) == 0);
}

TEST_CASE("reading takes time and memory in proportion to the request") {
  const Signature signature = wide_signature();
  const Signature people = test::signature_named("people");
  V1Reader v1;
  V2Reader v2;
  Rows rows;
  V1Request request;
  V2Request v2_request;
  const auto ignore = [&](auto&& read) {
    try {
      read();
    } catch (const Error&) {
    }
  };
  // What a large one took is given back.
  {
    const Body large(wide_request(100'000));
    const Body small(wide_request(1));
    test::AllocatedBytes bytes;
    for (const Body* body : {&large, &small, &small})
      v1.read(body->text(), V1Verb::predict, signature, rows, request);
    CHECK(bytes.most() > 20u << 20);
    CHECK(bytes.kept() < 1u << 20);
  }
  test::check_linear(
      200, [](std::size_t n) { return Body(wide_request(n)); },
      [&](const Body& body) { v1.read(body.text(), V1Verb::predict, signature, rows, request); });
  const auto repeated = [](std::string before, std::string part, std::string after) {
    return [=](std::size_t n) {
      std::string text = before;
      for (std::size_t i = 0; i < n; ++i) text += part;
      return Body(text + after);
    };
  };
  test::check_linear(
      5000, repeated(R"({"instances":[)", R"({"age":1,"wor\u006b":"a"},)", R"({"age":1,"work":null}]})"),
      [&](const Body& body) { v1.read(body.text(), V1Verb::predict, people, rows, request); });
  for (const char* part : {"[", "{\"a\":", "[1],", "\"\\u0061\":1,"}) {
    test::check_linear(20000, repeated(R"({"x":)", part, ""), [&](const Body& body) {
      ignore([&] { v1.read(body.text(), V1Verb::predict, people, rows, request); });
      ignore([&] { v2.read(body.text(), std::nullopt, people, rows, v2_request); });
    });
  }
  test::check_linear(2000, repeated(R"({"inputs":[)", R"({"data":["a"],"name":"w"},)", "7]}"),
                     [&](const Body& body) {
                       ignore([&] { v2.read(body.text(), std::nullopt, people, rows, v2_request); });
                     });
}

}  // namespace
}  // namespace nn::inference
