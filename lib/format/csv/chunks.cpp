#include "format/csv/chunks.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "format/buffer_pool.hpp"

namespace nn::format {
namespace {

// The end of the chunk that begins `text`: a record end at `aim` bytes or the first beyond,
// 0 when there is none yet.
std::size_t chunk_end(std::string_view text, std::size_t aim, const CsvDialect& dialect) {
  for (std::size_t seen = std::min(aim, text.size());;) {
    const std::size_t end = last_record_end(text.substr(0, seen), dialect);
    if (end > 0 || seen == text.size()) return end;
    seen = std::min(seen * 2, text.size());
  }
}

class MappedChunks : public CsvChunks {
 public:
  MappedChunks(std::shared_ptr<const MappedFile> file, std::size_t limit, std::size_t aim)
      : CsvChunks(aim), file_(std::move(file)), rest_(file_->text()), limit_(limit) {}

  std::string_view peek(std::size_t) override { return rest_; }
  void advance(std::size_t bytes) override { rest_.remove_prefix(bytes); }
  bool mapped() const override { return true; }

  std::optional<CsvChunk> next() override {
    if (rest_.empty()) return std::nullopt;
    CsvChunk chunk;
    const std::string_view window = rest_.substr(0, std::max(limit_, aim_) + 1);
    std::size_t end = rest_.size() <= aim_ ? rest_.size() : chunk_end(window, aim_, dialect_);
    if (end == 0) {
      end = window.size();
      chunk.overlong = end < rest_.size();
    }
    chunk.text = rest_.substr(0, end);
    chunk.last = end == rest_.size();
    chunk.owner = std::make_shared<Pages>(file_, chunk.text);
    rest_.remove_prefix(end);
    return chunk;
  }

 private:
  // Pages that were parsed are given back, so that a mapped file doesn't count as memory.
  struct Pages {
    Pages(std::shared_ptr<const MappedFile> mapped, std::string_view used)
        : file(std::move(mapped)), text(used) {}
    ~Pages() {
      // Rounded down: the page shared with the chunk before is read again if that is still at work.
      char* const first = start_of_page(text.data());
      char* const last = start_of_page(text.data() + text.size());
      if (last > first) ::madvise(first, static_cast<std::size_t>(last - first), MADV_DONTNEED);
    }
    static char* start_of_page(const char* at) {
      static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
      return const_cast<char*>(at) - reinterpret_cast<std::uintptr_t>(at) % page;
    }
    std::shared_ptr<const MappedFile> file;
    std::string_view text;
  };

  std::shared_ptr<const MappedFile> file_;
  std::string_view rest_;
  std::size_t limit_;
};

class StreamedChunks : public CsvChunks {
 public:
  StreamedChunks(std::unique_ptr<ByteInput> input, std::size_t limit, std::size_t aim)
      : CsvChunks(aim), input_(std::move(input)), limit_(limit) {}

  std::string_view peek(std::size_t bytes) override {
    while (ahead().size() < bytes && fill()) {
    }
    return ahead();
  }

  void advance(std::size_t bytes) override { begin_ += bytes; }
  bool mapped() const override { return false; }

  std::optional<CsvChunk> next() override {
    std::size_t fruitless = 0;
    for (;;) {
      const std::string_view text = ahead();
      if (ended_ && text.size() <= aim_) return text.empty() ? std::nullopt : cut(text.size(), false);
      // Looked at again only after it has grown by some share: small reads stay cheap.
      if (!text.empty() && (text.size() >= fruitless + fruitless / 8 || ended_)) {
        const std::size_t end = chunk_end(text, aim_, dialect_);
        if (end > 0) return cut(end, false);
        fruitless = text.size() > (64 << 10) ? text.size() : 0;
        if (ended_) return cut(text.size(), false);
      }
      if (text.size() > limit_) {
        const std::size_t end = chunk_end(text, aim_, dialect_);
        return end > 0 ? cut(end, false) : cut(text.size(), true);
      }
      fill();
    }
  }

 private:
  char* block() const { return block_->as<char>(); }

  std::string_view ahead() const {
    return block_ ? std::string_view(block() + begin_, end_ - begin_) : std::string_view();
  }

  std::optional<CsvChunk> cut(std::size_t bytes, bool overlong) {
    CsvChunk chunk{ahead().substr(0, bytes), false, overlong, block_};
    begin_ += bytes;
    chunk.last = ended_ && begin_ == end_;
    return chunk;
  }

  // Reads once; false at the end.
  bool fill() {
    if (ended_) return false;
    if (!block_ || block_->size() - end_ < aim_ / 4 + 1) renew();
    const std::size_t n =
        input_->read(std::as_writable_bytes(std::span(block() + end_, block_->size() - end_)));
    end_ += n;
    ended_ = n == 0;
    return !ended_;
  }

  // Takes a fresh block for what is ahead: chunks already given out point into the old one.
  void renew() {
    const std::string_view rest = ahead();
    auto fresh = pool_.get(rest.size() > aim_ ? rest.size() * 2 : 2 * aim_);
    std::copy(rest.begin(), rest.end(), fresh->as<char>());
    end_ = rest.size();
    begin_ = 0;
    block_ = std::move(fresh);
  }

  std::unique_ptr<ByteInput> input_;
  std::size_t limit_;
  BufferPool pool_;
  std::shared_ptr<Buffer> block_;
  std::size_t begin_ = 0, end_ = 0;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<CsvChunks> cut_chunks(std::unique_ptr<ByteInput> input, std::size_t limit, std::size_t aim) {
  if (auto file = input->mapped()) return std::make_unique<MappedChunks>(std::move(file), limit, aim);
  return std::make_unique<StreamedChunks>(std::move(input), limit, aim);
}

}  // namespace nn::format
