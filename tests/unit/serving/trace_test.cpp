#include "serving/trace.hpp"

#include <string>

#include "catch.hpp"

using namespace nn::serving;

TEST_CASE("traces have the form of W3C's field, and say whether they are kept") {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  struct Case {
    std::string text;
    bool is_one, sampled;
  };
  for (const Case& c :
       {Case{good + "01", true, true}, Case{good + "00", true, false}, Case{good + "0b", true, true},
        Case{good + "fe", true, false}, Case{good + "01-what.comes=later", true, true},
        Case{good + "01 x", false, false}, Case{good + "0", false, false}, Case{good + "0G", false, false},
        Case{"00_" + good.substr(3) + "01", false, false},
        Case{good + "01-" + std::string(300, 'a'), false, false}, Case{"", false, false}}) {
    CAPTURE(c.text);
    CHECK(is_traceparent(c.text) == c.is_one);
    CHECK(is_sampled(c.text) == c.sampled);
  }
}
