// A file of captured rows while it is written. For this module only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/file.hpp"
#include "format/arrow/stream.hpp"
#include "tensor/batch.hpp"

namespace nn::serve {

// One thread. It appears with finish(). Order of calls: write()*, then finish(), or keep_whole() and
// finish(), which may be tried again. Io errors name the path.
class CaptureFile {
 public:
  CaptureFile(const std::string& path, const Schema& schema);
  const Schema& schema() const { return schema_; }
  const std::string& path() const { return file_.name(); }
  std::int64_t rows() const { return places_.back().rows; }
  // Bytes that were written.
  std::uint64_t bytes() const { return places_.back().end; }

  void write(Batch rows);
  // A write failed, and may have left half a message: goes back to the last one that is whole, and so far
  // that there is room for the end of the stream. Says how many of the rows that were written that costs.
  std::int64_t keep_whole();
  void finish();

 private:
  struct Place {
    std::uint64_t end;  // of a message that is whole
    std::int64_t rows;  // up to there
  };
  std::uint64_t position() const;

  const Schema schema_;
  OutputFile file_;
  format::StreamWriter writer_;
  std::deque<Place> places_;  // the schema's, and the last ones
  bool ended_ = false;        // the end of the stream is written
};

}  // namespace nn::serve
