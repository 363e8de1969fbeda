// What a study says of itself, and what may become of it.
#include "study/header.hpp"

#include "../catch.hpp"
#include "base/error.hpp"

using namespace nn;
using namespace nn::study;

TEST_CASE("a header is read as it was written") {
  Header header{.version = "0.1.0",
                .command = {"nn-train", "a b", "\"{lr}\""},
                .space = {"lr=loguniform:1e-4:0.1"},
                .forbidden = {"x=1 and y=2"},
                .seed = UINT64_MAX,
                .settings = {{"sampler", "auto"}, {"pruner", "asha:1:81:3"}}};
  CHECK(parse_header(to_json(header)) == header);
  CHECK(parse_header(R"({"format":1,"later":{"a":[1]},"space":[]})") == Header{});
  for (const char* bad :
       {"", "{}", "[]", R"({"format":0})", R"({"format":1,"space":"x"})", R"({"format":1,"seed":-1})"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_header(bad), Error);
  }
  try {
    parse_header(R"({"format":2,"space":{"new":1}})");
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
  }
}

TEST_CASE("what may change in a space, and what may not") {
  const auto before =
      search::Space::parse({"x=uniform:0:1", "n=int:1:9", "o=choice:a,b", "l=loguniform:0.1:1"});
  struct Row {
    std::vector<std::string> lines;
    const char* said;
    const char* refused;
  };
  const Row rows[] = {
      {{"x=uniform:0:1", "n=int:1:9", "o=choice:a,b", "l=loguniform:0.1:1"}, nullptr, nullptr},
      {{"x=uniform:-1:1", "n=int:1:9", "o=choice:a,b", "l=loguniform:0.1:1"},
       "x: 0 … 1 becomes -1 … 1",
       nullptr},
      {{"x=uniform:0:0.5", "n=int:1:9", "o=choice:a,b", "l=loguniform:0.1:1"}, "outside of it", nullptr},
      {{"x=uniform:0:1", "n=int:1:9:2", "o=choice:a,b", "l=loguniform:0.1:1"}, "n: it was", nullptr},
      {{"x=uniform:0:1 if o=a", "n=int:1:9", "o=choice:a,b", "l=loguniform:0.1:1"}, "x: it was", nullptr},
      {{"x=uniform:0:1", "n=int:1:9", "o=choice:a,b", "l=loguniform:0.1:1", "z=uniform:0:1"},
       "z: it is new",
       nullptr},
      {{"x=uniform:0:1", "n=int:1:9", "o=choice:a,b"}, "l: it is gone", nullptr},
      {{"x=uniform:0:1", "n=int:1:9", "o=choice:a,b,c", "l=loguniform:0.1:1"},
       nullptr,
       "o: its choices can't change"},
      {{"x=uniform:0:1", "n=int:1:9", "o=choice:b,a", "l=loguniform:0.1:1"},
       nullptr,
       "o: its choices can't change"},
      {{"x=int:0:1", "n=int:1:9", "o=choice:a,b", "l=loguniform:0.1:1"},
       nullptr,
       "x: it was uniform and can't become int"},
      {{"x=uniform:0:1", "n=int:1:9", "o=choice:a,b", "l=uniform:0.1:1"}, nullptr, "l: it was loguniform"},
  };
  for (const Row& row : rows) {
    const SpaceChange change = compare(before, search::Space::parse(row.lines));
    INFO((change.said.empty() ? "" : change.said[0]) << (change.refused.empty() ? "" : change.refused[0]));
    REQUIRE(change.said.size() == (row.said ? 1 : 0));
    REQUIRE(change.refused.size() == (row.refused ? 1 : 0));
    if (row.said) CHECK(change.said[0].find(row.said) != std::string::npos);
    if (row.refused) CHECK(change.refused[0].find(row.refused) != std::string::npos);
  }
}
