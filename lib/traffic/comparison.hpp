// What two models answered to the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nn::traffic {

// Sums over rows that both have computed. A value; one thread, and merged from several.
class Comparison {
 public:
  struct Shape {
    std::int64_t width = 0;  // floats of a row
    bool classes = true;     // probabilities that sum to 1, or numbers
    // Of numbers: the standard deviation of each, [width]; empty: 1.
    std::span<const double> deviations = {};
  };
  struct Result {
    std::int64_t agreed = 0, rows = 0;
  };
  // Both are [rows, width].
  Result add(const Shape& shape, std::span<const float> reference, std::span<const float> candidate);
  // A request that the reference has answered, and the candidate could not.
  void add_error() {
    ++requests_;
    ++errors_;
    ++error_run_;
  }
  // How long each took to compute such a request.
  void add_cost(double reference_us, double candidate_us) {
    reference_us_ += reference_us;
    candidate_us_ += candidate_us;
  }
  void add_dropped(std::uint64_t requests = 1) { dropped_ += requests; }
  void merge(const Comparison& later);

  std::uint64_t requests() const { return requests_; }
  std::uint64_t errors() const { return errors_; }
  std::uint64_t error_run() const { return error_run_; }  // the last that many requests failed
  std::uint64_t dropped() const { return dropped_; }
  std::uint64_t rows() const { return rows_; }
  // Of rows that both answered with finite numbers: the same class is likeliest; or all numbers are within a
  // tenth of a standard deviation.
  std::uint64_t agreed() const { return agreed_; }
  std::uint64_t compared() const { return rows_ - nonfinite_reference_ - nonfinite_new_; }
  double agreement() const;  // of those that were compared; 1 for none
  // Rows where the reference's numbers aren't finite; and where only the candidate's aren't.
  std::uint64_t nonfinite_reference() const { return nonfinite_reference_; }
  std::uint64_t nonfinite_new() const { return nonfinite_new_; }
  // The candidate gives all rows the same numbers, and the reference doesn't.
  bool is_constant() const { return rows_ >= 50 && candidate_.constant && !reference_.constant; }
  // Of classes: the mean Jensen-Shannon divergence, in bits, from 0 to 1. Of numbers: the mean |difference|
  // in standard deviations.
  double mean_distance() const;
  double cost_ratio() const;  // candidate / reference; 0 where nothing is known

  // All there is, as numbers, for files; and from there. A list that is none of these is nothing.
  std::vector<double> numbers() const;
  static std::optional<Comparison> from_numbers(std::span<const double> numbers);

 private:
  struct Outputs {
    bool any = false, constant = true;
    std::uint64_t first = 0;  // hash of a row's numbers
    void add(std::span<const float> row);
    void merge(const Outputs& later);
  };
  void add_row(const Shape& shape, std::span<const float> a, std::span<const float> b);

  std::uint64_t requests_ = 0, errors_ = 0, error_run_ = 0, dropped_ = 0;
  std::uint64_t rows_ = 0, agreed_ = 0, nonfinite_reference_ = 0, nonfinite_new_ = 0;
  double distance_ = 0, reference_us_ = 0, candidate_us_ = 0;
  Outputs reference_, candidate_;
};

}  // namespace nn::traffic
