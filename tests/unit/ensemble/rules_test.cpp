#include "ensemble/rules.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/random.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::ensemble;

namespace {

struct Ensemble {
  std::int64_t rows, width;
  std::vector<std::vector<float>> members;
  std::vector<double> weights;

  std::vector<const float*> pointers() const {
    std::vector<const float*> out;
    for (const auto& member : members) out.push_back(member.data());
    return out;
  }
  double at(std::size_t member, std::int64_t row, std::int64_t c) const {
    return members[member][static_cast<std::size_t>(row * width + c)];
  }
};

// Random probabilities, some rounded to tenths so that ties and zeros occur.
Ensemble random_ensemble(std::size_t members, std::int64_t rows, std::int64_t classes, std::uint64_t seed) {
  Ensemble out{rows, classes, {}, {}};
  RandomStream random(seed, RandomUse{}, 0);
  for (std::size_t m = 0; m < members; ++m) {
    std::vector<float> values;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::vector<double> p;
      for (std::int64_t c = 0; c < classes; ++c) {
        const double u = random.uniform();
        p.push_back(row % 3 == 0 ? std::floor(u * 4) : u);
      }
      p[random.below(p.size())] += 0.25;
      const double sum = std::accumulate(p.begin(), p.end(), 0.0);
      for (const double value : p) values.push_back(static_cast<float>(value / sum));
    }
    out.members.push_back(std::move(values));
    out.weights.push_back(0.25 + random.uniform());
  }
  return out;
}

std::vector<double> across(const Ensemble& e, std::int64_t row, std::int64_t c) {
  std::vector<double> values;
  for (std::size_t m = 0; m < e.members.size(); ++m) values.push_back(e.at(m, row, c));
  std::sort(values.begin(), values.end());
  return values;
}

double median_of(const std::vector<double>& sorted) {
  const std::size_t n = sorted.size();
  return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

// One row straight from the definitions, not normalised.
std::vector<double> defined(Rule rule, const Ensemble& e, std::int64_t row) {
  std::vector<double> out(static_cast<std::size_t>(e.width), rule == Rule::geometric ? 1.0 : 0.0);
  for (std::int64_t c = 0; c < e.width; ++c) {
    double& value = out[static_cast<std::size_t>(c)];
    const auto sorted = across(e, row, c);
    if (rule == Rule::median) value = median_of(sorted);
    if (rule == Rule::max) value = sorted.back();
    for (std::size_t m = 0; m < e.members.size(); ++m) {
      const double p = e.at(m, row, c);
      if (rule == Rule::mean) value += p;
      if (rule == Rule::weighted) value += e.weights[m] * p;
      if (rule == Rule::geometric)
        value *= std::pow(std::max(p, double{FLT_MIN}), 1.0 / static_cast<double>(e.members.size()));
      for (std::int64_t other = 0; other < e.width; ++other) {
        const double q = e.at(m, row, other);
        if (rule == Rule::rank && other != c) value += q < p ? 1 : q == p ? 0.5 : 0;
      }
      if (rule == Rule::vote) {
        bool first_largest = true;
        for (std::int64_t other = 0; other < e.width; ++other) {
          const double q = e.at(m, row, other);
          if (q > p || (q == p && other < c)) first_largest = false;
        }
        value += first_largest;
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("rules for classes agree with their definitions") {
  const Rule rule =
      GENERATE(Rule::mean, Rule::vote, Rule::weighted, Rule::geometric, Rule::median, Rule::rank, Rule::max);
  const std::size_t members = GENERATE(1, 2, 3, 4, 7);
  const std::int64_t classes = GENERATE(1, 2, 3, 10, 130);
  const Ensemble e = random_ensemble(members, 61, classes, 7 * members + static_cast<std::uint64_t>(classes));
  std::vector<float> out(static_cast<std::size_t>(e.rows * classes));
  combine_classes(rule, e.pointers(), e.weights, e.rows, classes, out.data());
  INFO(name_of(rule) << " of " << members << " members and " << classes << " classes");
  for (std::int64_t row = 0; row < e.rows; ++row) {
    const auto expected = defined(rule, e, row);
    double sum = std::accumulate(expected.begin(), expected.end(), 0.0);
    double total = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      const float got = out[static_cast<std::size_t>(row * classes + c)];
      const double want =
          sum > 0 ? expected[static_cast<std::size_t>(c)] / sum : 1.0 / static_cast<double>(classes);
      total += got;
      if (std::abs(got - want) > 2e-7)
        FAIL("row " << row << " class " << c << ": " << got << ", not " << want);
    }
    if (std::abs(total - 1) > 1e-5) FAIL("row " << row << " sums to " << total);
  }
}

TEST_CASE("rules for numbers agree with their definitions") {
  const Rule rule = GENERATE(Rule::mean, Rule::weighted, Rule::median, Rule::trimmed);
  const std::size_t members = GENERATE(1, 2, 3, 4, 8, 9);
  const Ensemble e = random_ensemble(members, 700, 2, members);
  std::vector<float> out(1400);
  combine_numbers(rule, e.pointers(), e.weights, e.rows, 2, out.data());
  const double weight = std::accumulate(e.weights.begin(), e.weights.end(), 0.0);
  const std::size_t cut = members < 3 ? 0 : std::max<std::size_t>(1, members / 4);
  for (std::int64_t row = 0; row < e.rows; ++row) {
    for (std::int64_t c = 0; c < 2; ++c) {
      const auto sorted = across(e, row, c);
      double want = 0;
      for (std::size_t m = 0; m < members; ++m) {
        if (rule == Rule::mean) want += e.at(m, row, c) / static_cast<double>(members);
        if (rule == Rule::weighted) want += e.weights[m] * e.at(m, row, c) / weight;
        if (rule == Rule::trimmed && m >= cut && m < members - cut)
          want += sorted[m] / static_cast<double>(members - 2 * cut);
      }
      if (rule == Rule::median) want = median_of(sorted);
      const float got = out[static_cast<std::size_t>(row * 2 + c)];
      if (std::abs(got - want) > 1e-7)
        FAIL(name_of(rule) << " row " << row << ": " << got << ", not " << want);
    }
  }
}

TEST_CASE("weights count relative to each other, however large or small they are") {
  const Ensemble e = random_ensemble(2, 40, 3, 7);
  std::vector<float> expected(120), out(120);
  combine_classes(Rule::weighted, e.pointers(), std::vector<double>{1, 3}, e.rows, 3, expected.data());
  for (const double unit : {1e-323, 1e-300, 1e-5, 1e5, 0x1p1022}) {
    combine_classes(Rule::weighted, e.pointers(), std::vector<double>{unit, 3 * unit}, e.rows, 3, out.data());
    for (std::size_t i = 0; i < out.size(); ++i) CHECK(out[i] == Approx(expected[i]).epsilon(1e-6));
  }
}

TEST_CASE("a row's result does not depend on where it stands") {
  const Rule rule = GENERATE(Rule::mean, Rule::weighted, Rule::geometric, Rule::rank);
  const Ensemble e = random_ensemble(3, 200, 7, 5);
  std::vector<float> whole(1400), part(1400);
  combine_classes(rule, e.pointers(), e.weights, 200, 7, whole.data());
  for (std::int64_t row = 0; row < 200; ++row) {
    auto pointers = e.pointers();
    for (const float*& pointer : pointers) pointer += row * 7;
    combine_classes(rule, pointers, e.weights, 1, 7, part.data() + row * 7);
  }
  CHECK(whole == part);
}

TEST_CASE("one member's mean is the member, bit for bit") {
  const Ensemble e = random_ensemble(1, 97, 10, 3);
  std::vector<float> out(970);
  combine_classes(Rule::mean, e.pointers(), {}, 97, 10, out.data());
  CHECK(out == e.members[0]);
}

TEST_CASE("ties go to the class that members find more probable, then to the lower index") {
  struct Row {
    const char* what;
    Rule rule;
    std::vector<std::vector<float>> members;
    std::int32_t answer;
  };
  for (const Row& row : {
           Row{"one vote each", Rule::vote, {{0.6f, 0.4f, 0}, {0.1f, 0.9f, 0}}, 1},
           Row{"one vote each, equal sums", Rule::vote, {{0.75f, 0.25f, 0}, {0.25f, 0.75f, 0}}, 0},
           Row{"a member's own tie is a vote for its first", Rule::vote, {{0.5f, 0.5f, 0}}, 0},
           Row{"three votes apart", Rule::vote, {{1, 0, 0}, {0, 0.4f, 0.6f}, {0.2f, 0.8f, 0}}, 1},
           Row{"equal ranks", Rule::rank, {{0.7f, 0.2f, 0.1f}, {0.3f, 0.6f, 0.1f}}, 0},
           Row{"equal ranks, second likelier", Rule::rank, {{0.5f, 0.4f, 0.1f}, {0.1f, 0.9f, 0}}, 1},
           Row{"equal largest", Rule::max, {{0.5f, 0, 0.5f}, {0.25f, 0.25f, 0.5f}}, 2},
           Row{"uniform", Rule::mean, {{0.25f, 0.25f, 0.5f}, {0.5f, 0.5f, 0}}, 0},
       }) {
    INFO(row.what);
    std::vector<const float*> pointers;
    for (const auto& member : row.members) pointers.push_back(member.data());
    const std::vector<double> weights(pointers.size(), 1.0);
    float combined[3];
    std::int32_t got = -1;
    combine_classes(row.rule, pointers, weights, 1, 3, combined);
    answer(pointers, 1, 3, combined, &got);
    CHECK(got == row.answer);
  }
}

TEST_CASE("rules that would give nothing give the uniform row") {
  const float a[] = {1, 0}, b[] = {0, 1}, none[] = {0, 0};
  const float* members[] = {a, b};
  const float* empty[] = {none, none};
  float out[2];
  combine_classes(Rule::geometric, members, {}, 1, 2, out);
  CHECK(out[0] == 0.5f);
  combine_classes(Rule::median, empty, {}, 1, 2, out);
  CHECK(out[1] == 0.5f);
}

TEST_CASE("uncertainty is what the definitions say") {
  // Two members; entropies and variances by hand.
  const float a[] = {0.5f, 0.5f, 1, 0, 0.75f, 0.25f}, b[] = {0.5f, 0.5f, 0, 1, 0.75f, 0.25f};
  const float* members[] = {a, b};
  float combined[6], out[3];
  combine_classes(Rule::mean, members, {}, 3, 2, combined);
  const double quarter = -0.75 * std::log(0.75) - 0.25 * std::log(0.25);
  uncertainty(Uncertainty::entropy, members, combined, 3, 2, 2, true, out);
  CHECK(out[0] == Approx(std::log(2.0)));
  CHECK(out[1] == Approx(std::log(2.0)));
  CHECK(out[2] == Approx(quarter));
  uncertainty(Uncertainty::mutual_information, members, combined, 3, 2, 2, true, out);
  CHECK(out[0] == 0);
  CHECK(out[1] == Approx(std::log(2.0)));
  CHECK(out[2] == 0);
  uncertainty(Uncertainty::variance, members, combined, 3, 2, 2, true, out);
  CHECK(out[0] == 0);
  CHECK(out[1] == Approx(0.25));
  uncertainty(Uncertainty::deviation, members, combined, 3, 2, 2, true, out);
  CHECK(out[1] == Approx(0.5));
  CHECK_THROWS_AS(uncertainty(Uncertainty::entropy, members, combined, 3, 2, 2, false, out), Error);
}

TEST_CASE("normal distributions are mixed: how far means are apart adds to the deviation") {
  const predict::PredictionKind kind{false, false, {"mean", "std"}, {2}, {model::Answers::Kind::normal, {}}};
  const float a[] = {1, 3, 5, 2}, b[] = {5, 4, 5, 2};
  const float* members[] = {a, b};
  float out[4];
  combine_answers(kind, Rule::mean, members, {}, 2, out);
  CHECK(out[0] == 3);
  CHECK(out[1] == Approx(std::sqrt((9 + 16) / 2.0 + 4)));
  CHECK(out[2] == 5);
  CHECK(out[3] == Approx(2));
  combine_answers(kind, Rule::weighted, members, std::vector<double>{3, 1}, 2, out);
  CHECK(out[0] == 2);
  CHECK(out[1] == Approx(std::sqrt((3 * (9 + 1) + 16 + 9) / 4.0)));
  combine_answers(kind, Rule::median, members, {}, 2, out);
  CHECK(out[1] == Approx(3.5));
  uncertainty(Uncertainty::deviation, members, nullptr, 2, 2, 1, false, out);
  CHECK(out[0] == Approx(2));
  CHECK(out[1] == 0);
}

TEST_CASE("names of rules and uncertainties read back, misspelt ones are guessed") {
  for (const Rule rule : {Rule::mean, Rule::vote, Rule::weighted, Rule::geometric, Rule::median, Rule::rank,
                          Rule::max, Rule::trimmed}) {
    CHECK(parse_rule(name_of(rule)) == rule);
  }
  for (const Uncertainty kind : {Uncertainty::entropy, Uncertainty::variance, Uncertainty::deviation,
                                 Uncertainty::mutual_information}) {
    CHECK(parse_uncertainty(name_of(kind)) == kind);
  }
  CHECK_THROWS_WITH(parse_rule("medium"), Catch::Contains("did you mean median?"));
  CHECK_THROWS_WITH(parse_uncertainty("spread"), Catch::Contains("mutual-information"));
}
