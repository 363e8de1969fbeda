#include "ensemble/aligned.hpp"

#include "base/log.hpp"
#include "catch.hpp"
#include "table.hpp"

using namespace nn;
using namespace nn::ensemble;
using nn::test::message_of;
using nn::test::Script;
using nn::test::Table;

namespace {

// Batches of one-value predictions with these row numbers; consecutive ones stay together.
struct Answers {
  std::vector<std::int64_t> rows;
  float offset = 0;           // value is row + offset
  std::string error = {};     // at the end
  std::int64_t wrong_y = -1;  // row whose y is not its number
  bool with_y = true;
};

std::vector<Batch> batches_of(const Answers& answers, std::size_t cut) {
  std::vector<Batch> batches;
  for (std::size_t first = 0; first < answers.rows.size();) {
    std::size_t last = first + 1;
    while (last < answers.rows.size() && last - first < cut &&
           answers.rows[last] == answers.rows[last - 1] + 1)
      ++last;
    Table table(answers.rows[first]);
    std::vector<float> values;
    std::vector<std::int64_t> ys;
    for (std::size_t i = first; i < last; ++i) {
      values.push_back(static_cast<float>(answers.rows[i]) + answers.offset);
      ys.push_back(answers.rows[i] == answers.wrong_y ? -1 : answers.rows[i]);
    }
    table.f32("value", values);
    if (answers.with_y) table.i64("y", ys);
    batches.push_back(table.batch());
    first = last;
  }
  return batches;
}

std::unique_ptr<BatchSource> aggregated(const std::vector<Answers>& members, AggregateOptions options) {
  set_verbosity(Verbosity::quiet);
  std::vector<StreamMember> streams;
  for (std::size_t m = 0; m < members.size(); ++m) {
    streams.push_back({std::string(1, static_cast<char>('a' + m)), [member = members[m], m] {
                         if (member.rows.empty()) fail_data("{}", member.error);
                         return std::make_unique<Script>(batches_of(member, m + 2), member.error);
                       }});
  }
  return aggregate(std::move(streams), options);
}

// "row:value …"
std::string result_of(const std::vector<Answers>& members, AggregateOptions options = {}) {
  const auto source = aggregated(members, options);
  const auto at = *source->schema()->find("value");
  std::string text;
  while (const auto batch = source->next()) {
    for (std::int64_t row = 0; row < batch->rows; ++row) {
      text += fmt::format("{}:{} ", batch->first_row + row, batch->columns[at].as<float>()[row]);
    }
  }
  return text;
}

AggregateOptions quorum(std::size_t members) {
  AggregateOptions options;
  options.quorum = members;
  return options;
}

}  // namespace

TEST_CASE("members meet row by row however they are cut, and gaps stay gaps") {
  CHECK(result_of({{{0, 1, 2, 3, 4}, 0}, {{0, 1, 2, 3, 4}, 2}}) == "0:1 1:2 2:3 3:4 4:5 ");
  CHECK(result_of({{{7, 8, 20, 21}, 0}, {{7, 8, 20, 21}, 0}, {{7, 8, 20, 21}, 3}}) == "7:8 8:9 20:21 21:22 ");
}

TEST_CASE("members that fail, end early or answer other rows are named") {
  struct Row {
    std::vector<Answers> members;
    const char* message;
  };
  for (const Row& row : {
           Row{{{{0, 1, 2}}, {{0, 1}}}, "member 2 (b): ends before row 2, where member 1 (a) goes on"},
           Row{{{{0, 1}}, {{0, 1, 2}}}, "member 1 (a): ends before row 2, where member 2 (b) goes on"},
           Row{{{{0, 1, 2}}, {{0, 1, 3}}}, "member 2 (b): answers row 3 where member 1 (a) answers row 2"},
           Row{{{{5, 6}}, {{0, 1}}, {{0, 1}}},
               "member 1 (a): answers row 5 where member 2 (b) answers row 0"},
           Row{{{{0, 1, 2}}, {{0, 1}, 0, "killed"}}, "member 2 (b): killed"},
           Row{{{{0, 1, 2}}, {{}, 0, "no such file"}}, "member 2 (b): no such file"},
           Row{{{{0, 1, 2}}, {{0, 1, 2}, 0, "", 1}},
               "member 2 (b): y of row 1 is '-1', member 1 (a) has '1'"},
       }) {
    INFO(row.message);
    CHECK_THAT(message_of([&] { result_of(row.members); }), Catch::StartsWith(row.message));
    CHECK_THAT(message_of([&] { result_of(row.members); }),
               Catch::EndsWith("(--quorum would go on without it)"));
  }
}

TEST_CASE("a quorum goes on without members from the row where they are lost") {
  // The mean of 0, 2 and 4 more than the row; of what is left where one is lost.
  const Answers whole{{0, 1, 2, 3}, 0}, second{{0, 1, 2, 3}, 2};
  CHECK(result_of({whole, second, {{0, 1}, 4}}, quorum(2)) == "0:2 1:3 2:3 3:4 ");
  CHECK(result_of({whole, second, {{0, 1}, 4, "killed"}}, quorum(2)) == "0:2 1:3 2:3 3:4 ");
  CHECK(result_of({{{}, 0, "gone"}, whole, second}, quorum(2)) == "0:1 1:2 2:3 3:4 ");
  CHECK(result_of({whole, {{0, 1, 3}, 4}, second}, quorum(2)) == "0:2 1:3 2:3 3:4 ");
  CHECK(result_of({whole, second, {{0, 1, 2, 3}, 4, "", 2}}, quorum(1)) == "0:2 1:3 2:3 3:4 ");
  // Two against one, though it is the first; rows before are answered by all.
  CHECK(result_of({{{0, 1, 2, 3}, 4, "", 2}, whole, second}, quorum(2)) == "0:2 1:3 2:3 3:4 ");
  // The lower row is right among two; rows are not lost by an early end.
  CHECK(result_of({{{2, 3}, 2}, whole}, quorum(1)) == "0:0 1:1 2:2 3:3 ");
  CHECK(result_of({{{0, 1}, 2}, {{0, 1}, 2}, whole}, quorum(1)) == "0:1.3333334 1:2.3333333 2:2 3:3 ");
  CHECK_THAT(message_of([&] {
               result_of({whole, {{0}, 2}, {{}, 0, "gone"}}, quorum(2));
             }),
             Catch::Contains("member 2 (b): ends before row 1, where member 1 (a) goes on; 1 of 3 members "
                             "left, --quorum asks for 2"));
}

TEST_CASE("y comes from the first member that has it") {
  const auto source = aggregated({{{3, 4}, 0, "", -1, false}, {{3, 4}}}, {});
  const auto y = source->schema()->find("y");
  REQUIRE(y);
  CHECK(source->next()->columns[*y].as<std::int64_t>()[1] == 4);
  CHECK_THAT(message_of([&] {
               result_of({{{3, 4}, 0, "", -1, false}, {{3}}}, quorum(1));
             }),
             Catch::Contains("column y is lost"));
}

TEST_CASE("categories of y are compared by text, and bad members found by what they answer") {
  const auto member = [](const Table& table) {
    return StreamMember{
        "m", [batch = table.batch()] { return std::make_unique<Script>(std::vector<Batch>{batch}); }};
  };
  const Table one = Table().f32("proba", {1, 0, 0, 1}, {2}).category("y", {"a", "b"}, {0, 1});
  const Table same = Table().f32("proba", {1, 0, 0, 1}, {2}).category("y", {"b", "a"}, {1, 0});
  const Table other = Table().f32("proba", {1, 0, 0, 1}, {2}).category("y", {"b", "a"}, {0, 0});
  const Table named = Table().f32("proba", {1, 0}, {2}).meta("nn.classes", "[\"n\",\"y\"]");
  CHECK(aggregate({member(one), member(same)}, {})->next()->rows == 2);
  CHECK_THAT(message_of([&] {
               aggregate({member(one), member(other)}, {})->next();
             }),
             Catch::Contains("y of row 0 is 'b', member 1 (m) has 'a'"));
  CHECK_THAT(message_of([&] {
               aggregate({member(one), member(named)}, {});
             }),
             Catch::Contains("class 0 is '0' in member 1 (m), 'n' in this one"));
}

TEST_CASE("rules that do not fit what members answer are wrong usage") {
  AggregateOptions vote;
  vote.combination = parse_combination("vote");
  AggregateOptions entropy;
  entropy.uncertainty = Uncertainty::entropy;
  AggregateOptions weights;
  weights.weights = {1, 2, 3};
  AggregateOptions concat = quorum(1);
  concat.combination = parse_combination("concat");
  for (const AggregateOptions& options : {vote, entropy, weights, concat, quorum(0), quorum(3)}) {
    CHECK_THROWS_AS(result_of({{{0}}, {{0}}}, options), Error);
  }
}

TEST_CASE("weights come from the command line, or from the streams") {
  AggregateOptions options;
  options.weights = {3, 1};
  CHECK(result_of({{{0, 1}, 0}, {{0, 1}, 4}}, options) == "0:1 1:2 ");
  options.combination = parse_combination("mean");
  CHECK(result_of({{{0, 1}, 0}, {{0, 1}, 4}}, options) == "0:2 1:3 ");
  const auto weighted = [](float value, const std::string& weight) {
    const Batch batch = Table().f32("value", {value}).meta("nn.weight", weight).batch();
    return StreamMember{"m", [batch] { return std::make_unique<Script>(std::vector<Batch>{batch}); }};
  };
  CHECK(aggregate({weighted(0, "1"), weighted(4, "3")}, {})->next()->columns[0].as<float>()[0] == 3);
  CHECK_THAT(message_of([&] {
               aggregate({weighted(0, "1"), weighted(4, "-3")}, {});
             }),
             Catch::Contains("nn.weight"));
}

TEST_CASE("outputs side by side are the features of a stacking model") {
  AggregateOptions options;
  options.combination = parse_combination("concat");
  const auto source = aggregated({{{0, 1, 2}, 0}, {{0, 1, 2}, 10}}, options);
  CHECK(source->schema()->fields[0].name == "x");
  CHECK(source->schema()->fields[0].shape == Shape{2});
  const auto first = source->next();
  REQUIRE(first);
  CHECK(first->columns[0].as<float>()[2] == 1);
  CHECK(first->columns[0].as<float>()[3] == 11);
  CHECK(first->columns[1].as<std::int64_t>()[1] == 1);
}
