#include "serve/capture_file.hpp"

#include <unistd.h>

#include <utility>

#include "base/error.hpp"
#include "format/bytes.hpp"

namespace nn::serve {
namespace {

// Messages are remembered in so many bytes before the end: to cut off that much frees a block of any disk.
constexpr std::uint64_t remembered = 128 << 10;

}  // namespace

CaptureFile::CaptureFile(const std::string& path, const Schema& schema)
    : schema_(schema), file_(path), writer_(format::to_file(file_), schema_) {
  places_.push_back({position(), 0});
}

std::uint64_t CaptureFile::position() const {
  const off_t at = ::lseek(file_.fd(), 0, SEEK_CUR);
  if (at < 0) fail_errno(file_.name());
  return static_cast<std::uint64_t>(at);
}

void CaptureFile::write(Batch rows) {
  rows.first_row = this->rows();
  writer_.write(rows);
  places_.push_back({position(), this->rows() + rows.rows});
  while (places_.size() > 2 && places_[1].end + remembered < places_.back().end)
    places_.erase(places_.begin() + 1);
}

std::int64_t CaptureFile::keep_whole() {
  const std::int64_t before = rows();
  for (;;) {
    const auto end = static_cast<off_t>(places_.back().end);
    if (::ftruncate(file_.fd(), end) != 0 || ::lseek(file_.fd(), end, SEEK_SET) != end)
      fail_errno(file_.name());
    try {
      writer_.finish();
      ended_ = true;
      return before - rows();
    } catch (const Error&) {
      if (places_.size() == 1) throw;
      places_.pop_back();
    }
  }
}

void CaptureFile::finish() {
  if (!std::exchange(ended_, true)) writer_.finish();
  file_.commit();
}

}  // namespace nn::serve
