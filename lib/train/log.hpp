// --log: a JSON object a line, for jq, pandas and dashboards. Flushed line by line.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json_lines.hpp"

namespace nn::train {

struct LogRecord {
  std::uint64_t step = 0, epoch = 0;                    // steps done; epoch from 1
  std::int64_t member = 0;                              // from 1; 0 where there is one only
  std::vector<std::pair<std::string, double>> figures;  // in this order; NaN becomes null
};

// Thread-safe.
class TrainingLog {
 public:
  // Opened for appending with `append` (a resumed run), else anew; "" writes nothing.
  // FIFOs and "-", the standard output, are fine.
  TrainingLog(const std::string& path, bool append);
  void write(const LogRecord& record);

 private:
  LineFile file_;
};

}  // namespace nn::train
