#include "traffic/comparison.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace nn::traffic {
namespace {

constexpr double close = 0.1;  // standard deviations

bool all_finite(std::span<const float> row) {
  return std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); });
}

// In bits. Both are distributions.
double jensen_shannon(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double p = std::max(0.0f, a[i]), q = std::max(0.0f, b[i]), m = (p + q) / 2;
    if (p > 0) sum += p * std::log2(p / m) / 2;
    if (q > 0) sum += q * std::log2(q / m) / 2;
  }
  return std::clamp(sum, 0.0, 1.0);
}

std::size_t likeliest(std::span<const float> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

}  // namespace

void Comparison::Outputs::add(std::span<const float> row) {
  if (!constant) return;
  const std::uint64_t hash = XXH3_64bits(row.data(), row.size_bytes());
  if (!any) first = hash;
  any = true;
  constant = hash == first;
}

void Comparison::Outputs::merge(const Outputs& later) {
  if (!later.any) return;
  if (!any) {
    *this = later;
  } else {
    constant = constant && later.constant && first == later.first;
  }
}

Comparison::Result Comparison::add(const Shape& shape, std::span<const float> reference,
                                   std::span<const float> candidate) {
  ++requests_;
  error_run_ = 0;
  const auto width = static_cast<std::size_t>(shape.width);
  const std::size_t rows = width == 0 ? 0 : std::min(reference.size(), candidate.size()) / width;
  const std::uint64_t agreed = agreed_;
  for (std::size_t i = 0; i < rows; ++i)
    add_row(shape, reference.subspan(i * width, width), candidate.subspan(i * width, width));
  return {static_cast<std::int64_t>(agreed_ - agreed), static_cast<std::int64_t>(rows)};
}

void Comparison::add_row(const Shape& shape, std::span<const float> a, std::span<const float> b) {
  ++rows_;
  reference_.add(a);
  candidate_.add(b);
  if (!all_finite(a)) {
    ++nonfinite_reference_;
    return;
  }
  if (!all_finite(b)) {
    ++nonfinite_new_;
    return;
  }
  if (shape.classes) {
    agreed_ += likeliest(a) == likeliest(b) ? 1 : 0;
    distance_ += jensen_shannon(a, b);
    return;
  }
  double most = 0, sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double deviation = i < shape.deviations.size() && shape.deviations[i] > 0 ? shape.deviations[i] : 1;
    const double distance = std::abs(double{b[i]} - double{a[i]}) / deviation;
    most = std::max(most, distance);
    sum += distance;
  }
  agreed_ += most <= close ? 1 : 0;
  distance_ += sum / static_cast<double>(a.size());
}

void Comparison::merge(const Comparison& later) {
  error_run_ = later.errors_ == later.requests_ ? error_run_ + later.error_run_ : later.error_run_;
  requests_ += later.requests_;
  errors_ += later.errors_;
  dropped_ += later.dropped_;
  rows_ += later.rows_;
  agreed_ += later.agreed_;
  nonfinite_reference_ += later.nonfinite_reference_;
  nonfinite_new_ += later.nonfinite_new_;
  distance_ += later.distance_;
  reference_us_ += later.reference_us_;
  candidate_us_ += later.candidate_us_;
  reference_.merge(later.reference_);
  candidate_.merge(later.candidate_);
}

double Comparison::agreement() const {
  return compared() == 0 ? 1 : static_cast<double>(agreed_) / static_cast<double>(compared());
}

double Comparison::mean_distance() const {
  return compared() == 0 ? 0 : distance_ / static_cast<double>(compared());
}

double Comparison::cost_ratio() const { return reference_us_ > 0 ? candidate_us_ / reference_us_ : 0; }

// Hashes of 64 bits are two numbers: doubles have 53.
std::vector<double> Comparison::numbers() const {
  std::vector<double> out;
  for (const std::uint64_t value :
       {requests_, errors_, error_run_, dropped_, rows_, agreed_, nonfinite_reference_, nonfinite_new_})
    out.push_back(static_cast<double>(value));
  for (const double value : {distance_, reference_us_, candidate_us_}) out.push_back(value);
  for (const Outputs* outputs : {&reference_, &candidate_}) {
    out.push_back(outputs->any ? 1 : 0);
    out.push_back(outputs->constant ? 1 : 0);
    out.push_back(static_cast<double>(outputs->first >> 32));
    out.push_back(static_cast<double>(outputs->first & 0xFFFFFFFF));
  }
  return out;
}

std::optional<Comparison> Comparison::from_numbers(std::span<const double> numbers) {
  constexpr std::size_t counts = 8, sums = 3, outputs = 4;
  if (numbers.size() != counts + sums + 2 * outputs) return std::nullopt;
  if (!std::all_of(numbers.begin(), numbers.end(), [](double v) { return v >= 0 && v <= 0x1p53; }))
    return std::nullopt;
  Comparison out;
  std::size_t at = 0;
  for (std::uint64_t* value : {&out.requests_, &out.errors_, &out.error_run_, &out.dropped_, &out.rows_,
                               &out.agreed_, &out.nonfinite_reference_, &out.nonfinite_new_})
    *value = static_cast<std::uint64_t>(numbers[at++]);
  for (double* value : {&out.distance_, &out.reference_us_, &out.candidate_us_}) *value = numbers[at++];
  for (Outputs* one : {&out.reference_, &out.candidate_}) {
    one->any = numbers[at++] > 0;
    one->constant = numbers[at++] > 0;
    if (numbers[at] >= 0x1p32 || numbers[at + 1] >= 0x1p32) return std::nullopt;
    one->first = static_cast<std::uint64_t>(numbers[at]) << 32 | static_cast<std::uint64_t>(numbers[at + 1]);
    at += 2;
  }
  if (out.agreed_ > out.rows_ || out.nonfinite_reference_ + out.nonfinite_new_ > out.rows_ ||
      out.errors_ > out.requests_)
    return std::nullopt;
  return out;
}

}  // namespace nn::traffic
