// What trials say about themselves.
#include "sweep/metrics.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "catch.hpp"

namespace nn::sweep {
namespace {

std::string text_of(const std::optional<Report>& report) {
  if (!report) return "nothing";
  std::string out = report->step ? std::to_string(*report->step) : "-";
  if (report->member) out += " member " + std::to_string(*report->member);
  for (const auto& [name, value] : report->metrics) out += " " + name + "=" + fmt::format("{}", value);
  return out;
}

TEST_CASE("a line of JSON is a report") {
  CHECK(text_of(parse_report(R"({"step":3,"loss":0.25,"name":"x"})")) == "3 loss=0.25");
  CHECK(text_of(parse_report(R"({"epoch":3,"valid":{"loss":1,"ok":true}})")) == "3 valid.loss=1 valid.ok=1");
  CHECK(text_of(parse_report(R"({"step":300,"epoch":7,"loss":1})")) == "7 loss=1 step=300");
  CHECK(text_of(parse_report(R"({"loss":NaN,"b":-Infinity,"c":"NaN of Infinity","d":Infinity})")) ==
        "- b=-inf d=inf loss=nan");
  CHECK(text_of(parse_report(R"({"member":2,"step":0,"loss":1})")) == "0 member 2 loss=1");
  CHECK(text_of(parse_report(R"({"step":1.5,"loss":1})")) == "- loss=1 step=1.5");
  for (const std::string line : {"", "0.5", "[1]", "{", R"({"a":"b"})", R"({"step":1})", "{\"a\":1}x"}) {
    CHECK(text_of(parse_report(line)) == "nothing");
  }
  CHECK(text_of(parse_report("{\"a\":" + std::string(20, '[') + "1" + std::string(20, ']') + "}")) ==
        "nothing");
}

struct Read {
  std::vector<std::string> reports;
  std::optional<double> last;
};
Read read(const std::string& text, const MetricSource& source, std::size_t part) {
  MetricReader reader(source, "acc");
  Read out;
  for (std::size_t at = 0; at < text.size(); at += part) {
    reader.take(std::string_view(text).substr(at, part),
                [&](const Report& r) { out.reports.push_back(text_of(r)); });
  }
  if (const auto report = reader.end()) out.reports.push_back(text_of(report));
  out.last = reader.last_number();
  return out;
}

TEST_CASE("output is read in whatever parts it comes") {
  const std::string text = "hello\n{\"step\":1,\"loss\":2}\r\n\n" + std::string(70'000, 'x') +
                           " 7\nepoch 2: acc=0.5, loss 0.25.\n{\"loss\":3}";
  for (const std::size_t part : {std::size_t{1}, std::size_t{7}, text.size()}) {
    const Read json = read(text, {}, part);
    CHECK(json.reports == std::vector<std::string>{"1 loss=2", "- loss=3"});
    CHECK(json.last == 0.25);
    const Read found = read(text, {true, R"(epoch (\d+): acc=([0-9.]+))"}, part);
    CHECK(found.reports == std::vector<std::string>{"2 acc=0.5"});
  }
}

TEST_CASE("the last number of a text is what a person would take") {
  struct Case {
    std::string text;
    std::optional<double> number;
  };
  const Case cases[] = {{"0.93", 0.93},
                        {"accuracy: 93.5%\n", 93.5},
                        {"loss=1e-3\ndone\n", 1e-3},
                        {"a b c\n", {}},
                        {"", {}},
                        {"(12)\n\n", 12.0},
                        {"1 2 3", 3.0},
                        {"v1.2.3\n", {}},
                        {"-4\n", -4.0}};
  for (const Case& c : cases) CHECK(read(c.text, {}, 5).last == c.number);
  CHECK(std::isnan(*read("nan\n", {}, 5).last));
}

TEST_CASE("an expression needs a group") {
  CHECK_THROWS_WITH(check({true, "acc=[0-9]+"}),
                    "'acc=[0-9]+' has no group, such as ([0-9.]+), that the number is in");
  CHECK_THROWS_AS(check({true, "(("}), Error);
  CHECK_NOTHROW(check({true, "acc=([0-9]+)"}));
  CHECK(read("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\nacc 1\n", {true, "^(a+)+$|acc (\\d)"}, 9)
            .reports.size() <= 1);
}

}  // namespace
}  // namespace nn::sweep
