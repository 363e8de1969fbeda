// --log: a JSON object a line, for jq, pandas and dashboards. Flushed line by line.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.hpp"

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
  // FIFOs and "-" are fine.
  TrainingLog(const std::string& path, bool append);
  void write(const LogRecord& record);
  void write_line(std::string_view line);  // that was written elsewhere, with its end

 private:
  std::string path_;
  UniqueFd fd_;
  std::mutex mutex_;
};

}  // namespace nn::train
