// The text that Prometheus reads (prometheus.io: exposition formats, 0.0.4), and OpenMetrics 1.0.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nn::serve {

// One thread. Order of calls: (family() sample()*)* take().
class MetricsText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::span<const Label>;
  enum class Type : std::uint8_t { counter, gauge, histogram };

  explicit MetricsText(bool open_metrics) : open_metrics_(open_metrics) {}

  // The samples that follow are of this family. Of a counter the name ends in "_total", whichever format
  // it is; without samples the family isn't written.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(Labels labels, double value) { add({}, labels, {}, value); }
  void sample(std::initializer_list<Label> labels, double value) {
    sample(Labels(labels.begin(), labels.size()), value);
  }
  void sample(Labels labels, std::uint64_t value) { add({}, labels, {}, value); }
  void sample(std::initializer_list<Label> labels, std::uint64_t value) {
    sample(Labels(labels.begin(), labels.size()), value);
  }
  // Of a histogram: so many are at most that large; by ascending bounds, then sum and count.
  void bucket(Labels labels, double bound, std::uint64_t count);
  void sum_and_count(Labels labels, double sum, std::uint64_t count);

  std::string take();
  std::string_view content_type() const;

 private:
  void head();
  template <typename Value>
  void add(std::string_view suffix, Labels labels, std::string_view bound, Value value);

  const bool open_metrics_;
  std::string_view name_, help_;
  Type type_ = Type::gauge;
  bool has_head_ = true;
  std::string text_;
};

}  // namespace nn::serve
