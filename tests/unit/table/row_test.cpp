#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "../format/tables.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "catch.hpp"
#include "format/parts.hpp"
#include "linear.hpp"
#include "table/rows.hpp"
#include "table/text_index.hpp"

using namespace nn;
using namespace nn::table;
using namespace nn::test;

namespace {

SourcePtr counting(std::int64_t rows, std::int64_t cut) { return std::make_unique<Counting>(rows, cut); }

// Column n, after checking that the batches are numbered from `first` on and c belongs to n.
std::vector<std::int64_t> numbers(BatchSource& source, std::int64_t first = 0) {
  std::vector<std::int64_t> out;
  const char* const texts[] = {"zero", "one", "two"};
  while (auto batch = source.next()) {
    REQUIRE(batch->rows > 0);
    REQUIRE(batch->first_row == first);
    first += batch->rows;
    for (const auto& row : rows_of(*batch)) {
      out.push_back(std::stoll(row[0]));
      REQUIRE(row[1] == texts[out.back() % 3]);
    }
  }
  return out;
}

Splitting hashed(std::vector<table::SplitPart> parts, std::uint64_t seed) {
  return {Splitting::By::content, std::move(parts), seed};
}

// A batch, once.
class One : public BatchSource {
 public:
  explicit One(Batch batch) : schema_(batch.schema), batch_(std::move(batch)) {}
  const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  std::optional<Batch> next() override { return std::exchange(batch_, std::nullopt); }

 private:
  std::shared_ptr<const Schema> schema_;
  std::optional<Batch> batch_;
};

std::vector<std::int64_t> sequence(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(last - first));
  std::iota(out.begin(), out.end(), first);
  return out;
}

}  // namespace

TEST_CASE("Ranges of rows, whatever the batches") {
  for (const std::int64_t cut : {1, 3, 7, 100}) {
    for (const auto& [first, last, end] :
         std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>{{0, 20, 20},
                                                                           {5, 6, 6},
                                                                           {6, 14, 14},
                                                                           {7, INT64_MAX, 20},
                                                                           {20, 30, 20},
                                                                           {25, 30, 25},
                                                                           {4, 4, 4}}) {
      const auto source = row_range(counting(20, cut), {first, last});
      CHECK(numbers(*source, first) == (first < end ? sequence(first, end) : std::vector<std::int64_t>{}));
    }
  }
}

TEST_CASE("A range reads no further than its end") {
  struct Once : BatchSource {
    Counting rows{10, 5};
    int asked = 0;
    const std::shared_ptr<const Schema>& schema() const override { return rows.schema(); }
    std::optional<Batch> next() override {
      if (++asked > 1) fail_data("read too far");
      return rows.next();
    }
  };
  const auto source = row_range(std::make_unique<Once>(), {2, 5});
  CHECK(numbers(*source, 2) == sequence(2, 5));
}

TEST_CASE("Shards are complementary") {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto source = row_shard(counting(23, 5), {i, 4});
    for (const std::int64_t n : numbers(*source)) {
      CHECK(n % 4 == i);
      all.push_back(n);
    }
  }
  std::sort(all.begin(), all.end());
  CHECK(all == sequence(0, 23));
}

TEST_CASE("Parts of a split are complementary, of the size asked for, and independent of batches") {
  const std::vector<table::SplitPart> parts = {{"train", 0.7}, {"valid", 0.2}, {"test", 0.1}};
  const double expected[] = {7000, 2000, 1000};
  std::vector<std::int64_t> all;
  for (std::size_t part = 0; part < 3; ++part) {
    const auto rows = numbers(*row_part(counting(10000, 1000), hashed(parts, 1), part));
    CHECK(rows == numbers(*row_part(counting(10000, 37), hashed(parts, 1), part)));
    CHECK(rows != numbers(*row_part(counting(10000, 1000), hashed(parts, 2), part)));
    CHECK(static_cast<double>(rows.size()) == Approx(expected[part]).margin(200));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(all == sequence(0, 10000));
}

TEST_CASE("Equal values split alike whatever their type") {
  const auto place = [](DType type, auto value) {
    auto schema = std::make_shared<Schema>();
    schema->fields = {{"v", type, {}, false, {}, {}}};
    Buffer values(sizeof value);
    std::memcpy(values.data(), &value, sizeof value);
    const Batch batch{schema, 0, 1, {make_column(std::move(values))}};
    std::vector<table::SplitPart> parts(64, {"p", 1.0 / 64});
    return parted_rows(std::make_unique<One>(batch), hashed(parts, 3))->next()->part_of[0];
  };
  CHECK(place(DType::u8, std::uint8_t{3}) == place(DType::f64, 3.0));
  CHECK(place(DType::i64, std::int64_t{3}) == place(DType::f32, 3.0f));
  CHECK(place(DType::f64, -0.0) == place(DType::i32, 0));
  CHECK(place(DType::f64, 0.5) == place(DType::f32, 0.5f));
}

TEST_CASE("A sample has each row with the same chance, in their order, whatever the batches") {
  const auto sampled = [](std::int64_t rows, std::int64_t count, std::int64_t cut, std::uint64_t seed) {
    return numbers(*row_sample(counting(rows, cut), {count, 0}, seed));
  };
  for (const std::int64_t count : {1, 7, 100, 5000, 9000}) {
    INFO(count);
    const auto rows = sampled(5000, count, 64, 1);
    CHECK(static_cast<std::int64_t>(rows.size()) == std::min<std::int64_t>(count, 5000));
    CHECK(std::is_sorted(rows.begin(), rows.end()));
    CHECK(std::set<std::int64_t>(rows.begin(), rows.end()).size() == rows.size());
    CHECK(rows == sampled(5000, count, 999, 1));
    if (count < 5000) CHECK(rows != sampled(5000, count, 64, 2));
  }
  std::vector<int> drawn(50);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    for (const std::int64_t n : sampled(50, 10, 7, seed)) ++drawn[static_cast<std::size_t>(n)];
  }
  // Of a chance of 1 in 5, 2000 times: mean 400, standard deviation 18.
  for (const int times : drawn) CHECK(std::abs(times - 400) < 90);
  const auto tenth = numbers(*row_sample(counting(20000, 300), {0, 0.1}, 3));
  CHECK(std::abs(static_cast<int>(tenth.size()) - 2000) < 200);
  CHECK(tenth == numbers(*row_sample(counting(20000, 77), {0, 0.1}, 3)));
}

namespace {

// Rows n, class of n, in the order of `rows`; the class is the last column.
Batch classed(const std::vector<std::int64_t>& rows,
              const std::function<std::int32_t(std::int64_t)>& class_of) {
  auto schema = std::make_shared<Schema>();
  schema->fields = {{"n", DType::i64, {}, false, {}, {}}, {"class", DType::i32, {}, false, {}, {}}};
  Buffer n(rows.size() * sizeof(std::int64_t)), classes(rows.size() * sizeof(std::int32_t));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    n.as<std::int64_t>()[i] = rows[i];
    classes.as<std::int32_t>()[i] = class_of(rows[i]);
  }
  return {schema,
          0,
          static_cast<std::int64_t>(rows.size()),
          {make_column(std::move(n)), make_column(std::move(classes))}};
}

}  // namespace

TEST_CASE("A stratified split has each class in its fractions to within a row, whatever the order") {
  const std::vector<table::SplitPart> parts = {{"train", 0.7}, {"valid", 0.1}, {"test", 0.15}};
  const auto class_of = [](std::int64_t n) {
    return static_cast<std::int32_t>(n % 100 < 90 ? 0 : n % 100 < 99 ? 1 : 2);
  };
  std::vector<std::int64_t> rows = sequence(0, 1237);
  const auto part_of = [&](std::uint64_t seed) {
    std::map<std::int64_t, std::size_t> out;
    const auto parted =
        parted_rows(std::make_unique<One>(classed(rows, class_of)), {Splitting::By::stratified, parts, seed});
    CHECK(parted->schema()->fields.size() == 1);
    while (auto some = parted->next()) {
      CHECK(some->batch.columns.size() == 1);
      for (std::size_t i = 0; i < some->part_of.size(); ++i)
        out[some->batch.columns[0].as<std::int64_t>()[i]] = some->part_of[i];
    }
    return out;
  };
  const auto split = part_of(1);
  for (std::int32_t c = 0; c < 3; ++c) {
    std::vector<double> counts(4);
    for (const auto& [n, part] : split) {
      if (class_of(n) == c) ++counts[part];
    }
    const double total = counts[0] + counts[1] + counts[2] + counts[3];
    INFO("class " << c << " of " << total << " rows");
    CHECK(std::abs(counts[0] - 0.7 * total) < 1);
    CHECK(std::abs(counts[1] - 0.1 * total) < 1);
    CHECK(std::abs(counts[2] - 0.15 * total) < 1);
  }
  std::reverse(rows.begin(), rows.end());
  CHECK(part_of(1) == split);
  CHECK(part_of(2) != split);
}

TEST_CASE("Classes of one row are split by chance, and equal rows meet") {
  set_verbosity(Verbosity::quiet);
  const std::vector<table::SplitPart> halves = {{"a", 0.5}, {"b", 0.5}};
  const auto parts_of = [&](const std::vector<std::int64_t>& rows,
                            const std::function<std::int32_t(std::int64_t)>& f) {
    return parted_rows(std::make_unique<One>(classed(rows, f)), {Splitting::By::stratified, halves, 4})
        ->next()
        ->part_of;
  };
  const auto alone = parts_of(sequence(0, 1000), [](std::int64_t n) { return static_cast<std::int32_t>(n); });
  CHECK(std::abs(std::count(alone.begin(), alone.end(), std::size_t{0}) - 500) < 80);
  const auto twins = parts_of({1, 1, 1, 2, 2, 2, 3, 3, 3}, [](std::int64_t) { return 0; });
  for (std::size_t i = 0; i < 9; ++i) CHECK(twins[i] == twins[i / 3 * 3]);
  CHECK(std::set<std::size_t>(twins.begin(), twins.end()).size() == 2);
  set_verbosity(Verbosity::normal);
}

TEST_CASE("A split by groups keeps each in one part") {
  const std::vector<table::SplitPart> parts = {{"a", 0.6}, {"b", 0.4}};
  const auto group_of = [](std::int64_t n) { return static_cast<std::int32_t>(n % 97); };
  const auto parted = parted_rows(std::make_unique<One>(classed(sequence(0, 2000), group_of)),
                                  {Splitting::By::group, parts, 4});
  CHECK(parted->schema()->fields.size() == 1);
  const auto part_of = parted->next()->part_of;
  std::set<std::size_t> used(part_of.begin(), part_of.end());
  CHECK(used.size() == 2);
  for (std::size_t n = 97; n < 2000; ++n) CHECK(part_of[n] == part_of[n - 97]);
}

TEST_CASE("A shuffle is a permutation that depends on seed and epoch, not on batches") {
  for (const std::int64_t buffer : {0, 1, 10, 500, 100000}) {
    INFO("buffer " << buffer);
    const auto shuffled = [&](std::int64_t cut, std::uint64_t seed, std::uint64_t epoch) {
      return numbers(*row_shuffle(counting(5000, cut), buffer, seed, epoch));
    };
    const auto rows = shuffled(1000, 1, 0);
    CHECK(rows == shuffled(13, 1, 0));
    auto sorted = rows;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == sequence(0, 5000));
    if (buffer == 1) {
      CHECK(rows == sequence(0, 5000));
      continue;
    }
    CHECK(rows != shuffled(1000, 2, 0));
    CHECK(rows != shuffled(1000, 1, 1));
  }
}

TEST_CASE("Batches of exactly the size asked for") {
  for (const std::int64_t cut : {1, 4, 9, 50}) {
    for (const std::int64_t size : {1, 4, 10, 64}) {
      const auto source = row_batch(counting(50, cut), size);
      std::vector<std::int64_t> sizes, all;
      while (auto batch = source->next()) {
        CHECK(batch->first_row == static_cast<std::int64_t>(all.size()));
        sizes.push_back(batch->rows);
        for (const auto& row : rows_of(*batch)) all.push_back(std::stoll(row[0]));
      }
      CHECK(all == sequence(0, 50));
      for (std::size_t i = 0; i + 1 < sizes.size(); ++i) CHECK(sizes[i] == size);
    }
  }
}

TEST_CASE("Repetitions are numbered on, and nothing for ever is nothing") {
  const auto source = row_repeat([](std::uint64_t) { return counting(5, 2); }, 3);
  std::vector<std::int64_t> thrice;
  for (int i = 0; i < 3; ++i) {
    for (const std::int64_t n : sequence(0, 5)) thrice.push_back(n);
  }
  CHECK(numbers(*source) == thrice);
  CHECK(numbers(*row_repeat([](std::uint64_t) { return counting(0, 2); }, 0)).empty());
  const auto endless = row_repeat([](std::uint64_t) { return counting(5, 5); }, 0);
  for (int i = 0; i < 20; ++i) CHECK(endless->next()->first_row == 5 * i);
}

TEST_CASE("All parts in one pass are what each part alone is") {
  struct Collect : BatchSink {
    std::vector<std::int64_t> rows;
    std::string end;
    void write(const Batch& batch) override {
      CHECK(batch.first_row == static_cast<std::int64_t>(rows.size()));
      for (const auto& row : rows_of(batch)) rows.push_back(std::stoll(row[0]));
    }
    void finish() override { end = "finished"; }
    void abandon(std::string_view message) override { end = message; }
  };
  const std::vector<table::SplitPart> parts = {{"a", 0.5}, {"b", 0.3}};
  std::vector<std::unique_ptr<BatchSink>> sinks;
  for (int i = 0; i < 2; ++i) sinks.push_back(std::make_unique<Collect>());
  format::copy_parts(*parted_rows(counting(1000, 64), hashed(parts, 5)), sinks);
  for (std::size_t part = 0; part < 2; ++part) {
    const auto& sink = static_cast<const Collect&>(*sinks[part]);
    CHECK(sink.end == "finished");
    CHECK(sink.rows == numbers(*row_part(counting(1000, 1000), hashed(parts, 5), part)));
  }
  struct Failing : Counting {
    Failing() : Counting(10, 5) {}
    std::optional<Batch> next() override { fail_data("broken"); }
  };
  const auto failing = parted_rows(std::make_unique<Failing>(), hashed(parts, 5));
  CHECK_THROWS_WITH(format::copy_parts(*failing, sinks), "broken");
  CHECK(static_cast<const Collect&>(*sinks[1]).end == "broken");
  CHECK(format::file_of_part("{}-{}.csv", "train") == "train-train.csv");
}

TEST_CASE("growing-dictionary: giving it out after each text") {
  test::check_linear(
      4000, [](std::size_t n) { return n; },
      [](std::size_t n) {
        GrowingDictionary texts;
        std::vector<std::shared_ptr<const Dictionary>> given;
        for (std::size_t i = 0; i < n; ++i) {
          texts.index_of(std::to_string(i));
          given.push_back(texts.dictionary());
        }
        REQUIRE(given[n / 2]->size() == n / 2 + 1);
        REQUIRE((*given[n - 1])[n / 2] == std::to_string(n / 2));
      });
}
