// Outputs on their way into messages, made ready so that a message's size is known before it is written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "inference/datatype.hpp"
#include "inference/outputs.hpp"
#include "inference/proto_wire.hpp"
#include "inference/v2.hpp"

namespace nn::inference::proto {

// An output's elements. Keeps its memory from one answer to the next.
class ReadyOutput {
 public:
  // The answers' values must outlive what is read here.
  void prepare(const Answers& answers, const WantedOutput& wanted);

  std::string_view name() const { return name_; }
  DataType type() const { return type_; }
  std::span<const std::int64_t> shape() const { return shape_; }  // the batch first
  // All elements, little-endian and row-major; texts have their length in 4 bytes before each.
  std::string_view raw() const { return raw_; }
  // Calls use(text) for each of the texts.
  template <typename Use>
  void each_text(const Use& use) const {
    for (std::string_view rest = raw_; !rest.empty();) {
      const auto size = load<std::uint32_t>(rest.data());
      use(rest.substr(sizeof size, size));
      rest.remove_prefix(sizeof size + size);
    }
  }

 private:
  void classify(const Answers& answers, std::int64_t classes);

  std::string_view name_, raw_;
  DataType type_ = DataType::fp32;
  std::vector<std::int64_t> shape_;
  std::string own_;  // what raw_ shows, where it isn't the answers' own memory
  std::vector<std::uint32_t> best_;
};

}  // namespace nn::inference::proto
