// Spaces as people write them, and what lies in them.
#include "search/space.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "catch.hpp"
#include "search/history.hpp"

namespace nn::search {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

std::string error_of(const std::vector<std::string>& lines, const std::vector<std::string>& forbidden = {}) {
  try {
    Space::parse(lines, forbidden);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::usage ? error.what() : "not of usage";
  }
  return "";
}

TEST_CASE("a parameter comes back from the text that is made of it") {
  const std::vector<std::string> lines{"lr=loguniform:0.0001:0.1",
                                       "dropout=uniform:0:0.5",
                                       "q=quniform:0:0.3:0.1",
                                       "units=int:16:256:16",
                                       "depth=intlog:1:1000",
                                       "optimizer=choice:sgd,adam,momentum",
                                       "layers=ordinal:32;64,32;128,64",
                                       "one=choice:a,b;",
                                       "noise=normal:0:0.5",
                                       "scale=lognormal:0:1",
                                       "kept=const:a:b,c",
                                       "momentum=uniform:0:0.99 if optimizer=momentum",
                                       "nesterov=choice:yes,no if momentum>0.5 and optimizer!=adam",
                                       "beta=uniform:0:1 if optimizer in adam,momentum"};
  const Space space = Space::parse(lines, {"units=16 and optimizer=adam"});
  std::vector<std::string> back;
  for (const Parameter& p : space.parameters()) back.push_back(to_string(p, space));
  std::vector<std::string> expected = lines;
  expected[12] = "nesterov=choice:yes,no if optimizer!=adam and momentum>0.5";  // in the order of parameters
  expected[13] = "beta=uniform:0:1 if optimizer in adam,momentum";
  CHECK(back == expected);
  CHECK(Space::parse(back, {"units=16 and optimizer=adam"}) == space);
}

TEST_CASE("values have the digits that people would write") {
  const Space space =
      Space::parse({"q=quniform:0:1:0.1", "n=int:0:7:3", "x=loguniform:1e-7:1", "c=choice:a,08"});
  const auto& p = space.parameters();
  CHECK(p[0].value_of("0.3") == 0.3);
  CHECK(p[0].text_of(*p[0].value_of("0.7")) == "0.7");
  CHECK_FALSE(p[0].value_of("0.35"));
  CHECK(p[0].count() == 11);
  CHECK(p[1].high == 6);
  CHECK(p[1].count() == 3);
  CHECK_FALSE(p[1].value_of("2"));
  CHECK(p[1].text_of(3) == "3");
  CHECK(p[2].text_of(1e-7) == "1e-07");
  CHECK_FALSE(p[2].value_of("2"));
  CHECK_FALSE(p[2].value_of("nan"));
  CHECK(p[3].value_of("08") == 1.0);
  CHECK_FALSE(p[3].value_of("8"));
  CHECK(p[3].text_of(nothing).empty());
}

TEST_CASE("what is wrong with a space is said") {
  struct Case {
    std::vector<std::string> lines;
    std::string message;
  };
  const Case cases[] = {
      {{"lr"}, "'lr': NAME=DISTRIBUTION is expected, as lr=loguniform:1e-4:1e-1"},
      {{"lr=logunifrom:1:2"}, "lr: 'logunifrom' is not a distribution; did you mean loguniform?"},
      {{"lr=uniform"}, "lr: uniform:LOW:HIGH is expected"},
      {{"lr=uniform:1"}, "lr: '1': uniform:LOW:HIGH is expected"},
      {{"lr=uniform:1:2:3"}, "lr: '1:2:3': uniform:LOW:HIGH is expected"},
      {{"lr=quniform:1:2"}, "lr: '1:2': quniform:LOW:HIGH:STEP is expected"},
      {{"lr=uniform:2:1"}, "lr: the range is empty: 2 is over 1"},
      {{"lr=uniform:a:1"}, "lr: 'a' is not a number"},
      {{"lr=uniform:0:inf"}, "lr: 'inf' is not a number"},
      {{"lr=loguniform:0:1"}, "lr: a logarithm needs a range over 0"},
      {{"n=intlog:0:1"}, "n: a logarithm of whole numbers needs a range from 1"},
      {{"n=int:0:1.5"}, "n: '1.5' is not a whole number"},
      {{"n=int:0:10:0"}, "n: '0': a step must be over 0"},
      {{"n=normal:0:0"}, "n: '0': must be over 0"},
      {{"c=choice:"}, "c: a value is empty"},
      {{"c=choice:a,a"}, "c: 'a' is there twice"},
      {{"a b=const:1"}, "'a b' is no name of a parameter: it needs a letter, then letters, digits and _"},
      {{"a=const:1", "a=const:2"}, "a: there are two parameters of that name"},
      {{"a=const:1 if b=1"}, "a: if b=1: 'b' is not a parameter; there are a"},
      {{"a=choice:x,y", "b=const:1 if a=z"}, "b: if a=z: 'z' is not a value of a"},
      {{"a=choice:x,y", "b=const:1 if a>x"},
       "b: if a>x: 'a>x': the values of a have no order; say a in A,B, or make it ordinal"},
      {{"a=choice:x,y", "b=const:1 if a"}, "b: if a: 'a': NAME=VALUE, !=, <, > or NAME in A,B is expected"},
      {{"a=choice:x,y if b=1", "b=choice:1,2 if a=x"}, "a: its condition depends on itself, in a circle"},
  };
  for (const Case& c : cases) CHECK(error_of(c.lines) == c.message);
  CHECK(error_of({"a=choice:x,y"}, {"a=x and b=1"}) == "'b' is not a parameter; there are a");
}

TEST_CASE("a point has what its conditions let in") {
  const Space space =
      Space::parse({"momentum=uniform:0:1 if optimizer=sgd", "optimizer=choice:sgd,adam",
                    "nesterov=choice:on,off if momentum>0.5", "fixed=const:7", "depth=int:1:3"},
                   {"depth=3 and optimizer=adam"});
  CHECK(space.order() == std::vector<std::size_t>{1, 3, 4, 0, 2});
  CHECK(space.groups() == std::vector<std::vector<std::size_t>>{{1, 4}, {0}, {2}});
  Point point{0.7, 1, 0, 5, 2};
  space.settle(point);
  CHECK(std::isnan(point[0]));
  CHECK(std::isnan(point[2]));
  CHECK(point[3] == 0);
  CHECK(space.contains(point));
  CHECK_FALSE(space.contains({0.7, 1, 0, 0, 2}));
  CHECK(space.contains({0.7, 0, 1, 0, 3}));
  CHECK_FALSE(space.contains({0.2, 0, 1, 0, 3}));
  CHECK_FALSE(space.contains({0.7, 0, nothing, 0, 3}));
  CHECK_FALSE(space.contains({nothing, 1, nothing, 0, 3}));  // forbidden
  CHECK_FALSE(space.count());
  CHECK(Space::parse({"a=int:1:4", "b=choice:x,y if a=1"}).count() == 12);
}

}  // namespace
}  // namespace nn::search
