#include "table/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "../format/tables.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "format/source.hpp"
#include "table/sketches.hpp"

using namespace nn;
using namespace nn::table;
using namespace nn::test;

namespace {

TableSummary described(const std::string& csv) {
  const ScratchFile file(".csv", csv);
  format::SourceOptions options;
  options.inputs = {file.path()};
  const auto source = format::open_source(options);
  Description description(*source->schema());
  while (const auto batch = source->next()) description.add(*batch);
  return description.summary();
}

}  // namespace

TEST_CASE("distinct values are counted exactly while they are few, and estimated then") {
  for (const std::size_t n :
       {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{1024}, std::size_t{300000}}) {
    DistinctCount count(1024);
    RandomStream random(n, RandomUse::split);
    std::vector<std::uint64_t> hashes(n);
    for (auto& hash : hashes) hash = random.next_u64();
    for (int repeat = 0; repeat < 3; ++repeat) {
      for (const std::uint64_t hash : hashes) count.add(hash);
    }
    INFO(n);
    CHECK(count.exact() == (n <= 1024));
    const double error = n <= 1024 ? 0 : 0.1;
    CHECK(std::abs(static_cast<double>(count.count()) - static_cast<double>(n)) <=
          error * static_cast<double>(n));
  }
}

TEST_CASE("quantiles are those of NumPy while values are few, and near in rank then") {
  Quantiles exact(1000);
  for (const double value : {3.0, 1.0, 2.0, 10.0}) exact.add(value);
  CHECK(exact.at({0, 0.25, 0.5, 0.75, 1}) == std::vector<double>{1, 1.75, 2.5, 4.75, 10});
  CHECK(exact.exact());
  CHECK(Quantiles(1000).at({0.5}).empty());
  for (const bool sorted : {false, true}) {
    Quantiles rough(1000);
    RandomStream random(7, RandomUse::split);
    constexpr int n = 500000;
    for (int i = 0; i < n; ++i) rough.add(sorted ? static_cast<double>(i) / n : random.uniform());
    CHECK_FALSE(rough.exact());
    const auto found = rough.at({0.25, 0.5, 0.75});
    CHECK(std::abs(found[0] - 0.25) < 0.004);
    CHECK(std::abs(found[1] - 0.5) < 0.004);
    CHECK(std::abs(found[2] - 0.75) < 0.004);
  }
}

TEST_CASE("the most frequent texts are found among many") {
  FrequentTexts texts(64);
  const std::hash<std::string> hash;
  for (int i = 0; i < 30000; ++i) {
    const std::string rare = fmt::format("rare {}", i);
    texts.add(rare, hash(rare));
    if (i % 3 == 0) texts.add("often", hash("often"));
    if (i % 6 == 0) texts.add("sometimes", hash("sometimes"));
  }
  CHECK_FALSE(texts.exact());
  const auto top = texts.top(2);
  CHECK(top[0].text == "often");
  CHECK(top[0].count >= 10000);
  CHECK(top[0].count - top[0].over <= 10000);
  CHECK(top[1].text == "sometimes");
  FrequentTexts few(64);
  few.add("b", 1);
  few.add("a", 2, 5);
  few.add("b", 1, 4);
  CHECK(few.exact());
  CHECK(few.top(9)[0].text == "a");
  CHECK(few.top(9)[1].count == 5);
}

TEST_CASE("a table is described column by column") {
  const TableSummary summary = described("n,t,e\n1,a,\n2,b,\n2,a,\n,\"\",\n5,a,\n");
  CHECK(summary.rows == 5);
  REQUIRE(summary.columns.size() == 3);
  const ColumnSummary& n = summary.columns[0];
  CHECK(n.missing == 1);
  CHECK(n.distinct == 3);
  CHECK(n.numbers->least == 1);
  CHECK(n.numbers->largest == 5);
  CHECK(n.numbers->mean == 2.5);
  CHECK(n.numbers->quantiles == std::vector<double>{1.75, 2, 2.75});
  const ColumnSummary& t = summary.columns[1];
  CHECK(t.top[0].value == "a");
  CHECK(t.top[0].count == 3);
  CHECK(summary.columns[2].missing == 5);
  CHECK_FALSE(summary.columns[2].numbers);
}

TEST_CASE("a description in text stays within its width") {
  std::string csv = "a_rather_long_name_of_a_column_of_numbers,workclass\n";
  for (int i = 0; i < 300; ++i)
    csv += fmt::format("{},a category of many words number {}\n", i * 1000.25, i % 7);
  const std::string text = to_text(described(csv), 80);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    CHECK(end - at <= 84);  // bytes: some characters take several
    at = end + 1;
  }
}
