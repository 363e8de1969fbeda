#include "chart/characters.hpp"

#include <algorithm>
#include <cmath>

namespace nn::chart {

std::string bar_of(double share, std::size_t columns) {
  const char* const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths =
      static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(columns) * 8));
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
  return out + parts[eighths % 8];
}

std::string line_of(std::string text) {
  text.resize(text.find_last_not_of(' ') + 1);
  return text + '\n';
}

}  // namespace nn::chart
