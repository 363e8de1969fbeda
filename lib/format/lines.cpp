#include "format/lines.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "format/arrow/stream.hpp"

namespace nn::format {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t piece = 1u << 20;

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteInput> input, std::size_t longest)
    : input_(std::move(input)), longest_(longest) {
  if ((file_ = input_->mapped())) {
    rest_ = file_->text();
    complete_ = began_ = true;
    if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
  }
}

void LineReader::fail_length(std::int64_t line) const {
  throw data_error("the line is over the limit of {} bytes", longest_)
      .within_file(name(), line)
      .advise(max_frame_advice);
}

void LineReader::load_all() {
  while (!complete_) refill();
}

void LineReader::load(std::size_t bytes) {
  while (!complete_ && rest_.size() < bytes) refill();
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = 0;
  for (;;) {
    const auto newline = rest_.find('\n', searched);
    if (newline != std::string_view::npos || (complete_ && !rest_.empty())) {
      line = rest_.substr(0, newline);
      rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
      ++number_;
      if (line.size() <= longest_) return true;
      fail_length(number_);
    }
    if (complete_) return false;
    searched = rest_.size();
    if (searched > longest_) fail_length(number_ + 1);
    refill();
  }
}

void LineReader::refill() {
  buffer_.erase(0, buffer_.size() - rest_.size());
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + std::max(piece, kept));
  const std::size_t got = read_full(*input_, std::as_writable_bytes(std::span(buffer_)).subspan(kept));
  complete_ = got < buffer_.size() - kept;
  buffer_.resize(kept + got);
  rest_ = buffer_;
  if (!std::exchange(began_, true) && rest_.starts_with(byte_order_mark))
    rest_.remove_prefix(byte_order_mark.size());
}

}  // namespace nn::format
