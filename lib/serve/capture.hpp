// Some requests with their answers, kept in Arrow streams that nn-predict reads: rows as they came, and
// beside them columns nn.* with who answered and what.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "tensor/batch.hpp"

namespace nn::serve {

class CaptureFile;

struct CaptureOptions {
  double part = 0;                        // of all requests, 0 to 1
  std::string path;                       // of the stream; empty: none
  std::uint64_t file_bytes = 256u << 20;  // then the next file is begun
  std::uint64_t queue_bytes = 64u << 20;  // of requests that wait to be written
};
// "1%:FILE.arrows", "0.01:FILE.arrows". Usage error.
void parse_capture(std::string_view text, CaptureOptions& options);

// A thread of its own writes. Thread-safe; nothing waits for the file: requests that find no room are dropped
// and counted. A file appears when it is complete: when it is large enough, at the end, and with flush().
// Each table has a file of its own: FILE.arrows, and where there are several models FILE-MODEL.arrows; rows
// that come in another form than the model's first have that behind it. A file that is there already stays:
// the next is FILE-2. Where one can't be written on, as on a full disk, what is whole in the files stays, and
// appears; capturing stops, with one message, until flush().
class Capture {
 public:
  // `name_models`: files are named after their models as well.
  Capture(CaptureOptions options, bool name_models);
  // Writes what waits.
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  double part() const { return options_.part; }
  // It has stopped: whoever makes copies of rows need not.
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  // Counts a request with so many rows as dropped.
  void drop(std::int64_t rows);
  // Takes rows that nobody else changes any more. False where they are dropped.
  bool add(std::string_view model, std::string_view form, Batch rows);
  // Has all files completed, and new ones begun with the next rows.
  void flush();

  struct Counts {
    std::uint64_t requests = 0, dropped = 0, dropped_rows = 0, bytes = 0;  // bytes of rows
  };
  Counts counts() const;

 private:
  struct Item {
    std::string model, form;
    Batch rows;
    std::uint64_t bytes = 0;
    bool flush = false;
  };
  void run();
  void handle(const Item& item);
  void stop(const Error& error);
  void name_files();
  void finish_all();
  void write(const Item& item);
  std::string path_of(const Item& item);

  const CaptureOptions options_;
  const bool name_models_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  std::uint64_t waiting_bytes_ = 0;
  bool closing_ = false;
  std::atomic<std::uint64_t> requests_{0}, dropped_{0}, dropped_rows_{0}, bytes_{0};
  std::atomic<bool> stopped_{false};

  // The thread's.
  std::map<std::string, std::string> forms_;                   // of each model, that came first
  std::map<std::string, std::unique_ptr<CaptureFile>> files_;  // by their paths, but for the number
  std::vector<std::unique_ptr<CaptureFile>> unnamed_;          // complete, and not there yet
  std::thread thread_;
};

// Rows in memory of their own, with columns nn.* behind them. `answers` is [rows, width] floats, or null
// where there was no answer; `schema` is captured_schema() of the rows' schema.
struct CapturedWords {
  std::string_view request, route;
  std::uint64_t version = 0;
  std::int64_t status = 0, latency_us = 0, time_us = 0;
};
struct CapturedAnswers {
  std::string column;  // "proba" or "value"
  Shape shape;
  std::string classes;  // a JSON array of their names; empty: none
};
std::shared_ptr<const Schema> captured_schema(const Schema& rows, const CapturedAnswers& answers);
Batch captured_batch(const std::shared_ptr<const Schema>& schema, const Batch& rows,
                     const CapturedWords& words, const float* answers);

}  // namespace nn::serve
