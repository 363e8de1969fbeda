#include "format/bytes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "base/memory.hpp"

namespace nn::format {
namespace {

constexpr std::size_t chunk_bytes = 256 << 10;

class FileInput final : public ByteInput {
 public:
  FileInput(UniqueFd fd, std::string name) : ByteInput(std::move(name)), fd_(std::move(fd)) {
    mapped_ = MappedFile::map(fd_.get(), this->name());
    // A larger pipe saves wake-ups; where the system refuses, the small one does.
    if (!mapped_) ::fcntl(fd_.get(), F_SETPIPE_SZ, 1 << 20);
  }
  std::size_t read(std::span<std::byte> out) override { return read_some(fd_.get(), out, name()); }
  std::shared_ptr<const MappedFile> mapped() const override { return mapped_; }

 private:
  UniqueFd fd_;
  std::shared_ptr<const MappedFile> mapped_;
};

// `file` is null, or whose bytes they are.
class MemoryInput final : public ByteInput {
 public:
  MemoryInput(std::span<const std::byte> bytes, std::string name, std::shared_ptr<const MappedFile> file = {})
      : ByteInput(std::move(name)), rest_(bytes), file_(std::move(file)) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t n = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), n, out.begin());
    rest_ = rest_.subspan(n);
    return n;
  }
  std::shared_ptr<const MappedFile> mapped() const override { return file_; }

 private:
  std::span<const std::byte> rest_;
  std::shared_ptr<const MappedFile> file_;
};

class HeadInput final : public ByteInput {
 public:
  HeadInput(std::vector<std::byte> head, std::unique_ptr<ByteInput> rest)
      : ByteInput(rest->name()), head_(std::move(head)), rest_(std::move(rest)) {}
  std::size_t read(std::span<std::byte> out) override {
    if (used_ == head_.size()) return rest_->read(out);
    const std::size_t n = std::min(out.size(), head_.size() - used_);
    std::memcpy(out.data(), head_.data() + used_, n);
    used_ += n;
    return n;
  }

 private:
  std::vector<std::byte> head_;
  std::size_t used_ = 0;
  std::unique_ptr<ByteInput> rest_;
};

// Compressed bytes, a chunk at a time.
class CompressedInput : public ByteInput {
 public:
  explicit CompressedInput(std::unique_ptr<ByteInput> input)
      : ByteInput(input->name()), input_(std::move(input)), buffer_(chunk_bytes) {}

 protected:
  // Makes sure that pending() is not empty; false at the end of the input.
  bool refill() {
    if (!pending_.empty()) return true;
    const std::size_t n = input_->read(buffer_.bytes());
    pending_ = buffer_.bytes().first(n);
    return n > 0;
  }
  std::span<std::byte> pending() const { return pending_; }
  void consume(std::size_t n) { pending_ = pending_.subspan(n); }
  [[noreturn]] void fail_cut() const {
    throw data_error("the compressed file is cut off").within_file(name());
  }
  [[noreturn]] void fail_corrupt(std::string_view why) const {
    throw data_error("the compressed file is corrupt: {}", why).within_file(name());
  }

 private:
  std::unique_ptr<ByteInput> input_;
  Buffer buffer_;
  std::span<std::byte> pending_;
};

class GzipInput final : public CompressedInput {
 public:
  explicit GzipInput(std::unique_ptr<ByteInput> input) : CompressedInput(std::move(input)) {
    constexpr int gzip_only = 16 + MAX_WBITS;
    if (::inflateInit2(&stream_, gzip_only) != Z_OK) throw std::bad_alloc();
  }
  ~GzipInput() override { ::inflateEnd(&stream_); }

  std::size_t read(std::span<std::byte> out) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), 1 << 30));
    const uInt room = stream_.avail_out;
    while (stream_.avail_out == room) {
      if (!refill()) {
        if (inside_) fail_cut();
        return 0;
      }
      if (!inside_ && !start_member()) return 0;
      step();
    }
    return room - stream_.avail_out;
  }

 private:
  // False at the end. Zeros, with which tapes and disks pad, may stand behind a member.
  bool start_member() {
    while (members_ > 0 && refill() && pending().front() == std::byte{0}) {
      const auto bytes = pending();
      const auto other =
          std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
      consume(static_cast<std::size_t>(other - bytes.begin()));
    }
    if (members_++ > 0 && pending().empty()) return false;
    ::inflateReset(&stream_);
    inside_ = true;
    return true;
  }
  void step() {
    stream_.next_in = reinterpret_cast<Bytef*>(pending().data());
    stream_.avail_in = static_cast<uInt>(pending().size());
    const uInt before = stream_.avail_in;
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    consume(before - stream_.avail_in);
    if (status == Z_STREAM_END) {
      inside_ = false;
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail_corrupt(stream_.msg != nullptr ? stream_.msg : "bad data");
    }
  }
  z_stream stream_{};
  bool inside_ = false;  // a member has begun and not ended
  std::uint64_t members_ = 0;
};

class ZstdInput final : public CompressedInput {
 public:
  explicit ZstdInput(std::unique_ptr<ByteInput> input)
      : CompressedInput(std::move(input)), stream_(::ZSTD_createDCtx()) {
    if (!stream_) throw std::bad_alloc();
  }

  std::size_t read(std::span<std::byte> out) override {
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    while (to.pos == 0) {
      const bool more = refill();
      if (!more && !inside_) return 0;
      ZSTD_inBuffer from{pending().data(), pending().size(), 0};
      const std::size_t status = ::ZSTD_decompressStream(stream_.get(), &to, &from);
      if (::ZSTD_isError(status) != 0) fail_corrupt(::ZSTD_getErrorName(status));
      consume(from.pos);
      inside_ = status != 0;
      if (!more && to.pos == 0) fail_cut();
    }
    return to.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* p) const { ::ZSTD_freeDCtx(p); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> stream_;
  bool inside_ = false;
};

bool begins_with(std::span<const std::byte> head, std::initializer_list<int> magic) {
  return head.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), head.begin(),
                    [](int m, std::byte b) { return static_cast<std::byte>(m) == b; });
}

class FileOutput final : public ByteOutput {
 public:
  explicit FileOutput(const OutputFile& file) : file_(file) { ::fcntl(file.fd(), F_SETPIPE_SZ, 1 << 20); }
  void write(std::span<struct iovec> pieces) override { write_all(file_.fd(), pieces, file_.name()); }

 private:
  const OutputFile& file_;
};

}  // namespace

std::unique_ptr<ByteInput> open_bytes(const std::string& path) {
  auto input = std::make_unique<FileInput>(open_input(path), path == "-" ? "standard input" : path);
  const auto mapped = input->mapped();
  std::array<std::byte, 4> bytes{};
  std::span<const std::byte> head = bytes;
  if (mapped) {
    head = mapped->bytes().first(std::min(bytes.size(), mapped->bytes().size()));
  } else {
    head = head.first(read_full(*input, bytes));
  }
  const bool gzip = begins_with(head, {0x1F, 0x8B});
  // A frame to be skipped may stand first (RFC 8878, section 3.1.2), as pzstd writes it.
  const bool zstd = begins_with(head, {0x28, 0xB5, 0x2F, 0xFD}) ||
                    (head.size() == 4 && (head[0] & std::byte{0xF0}) == std::byte{0x50} &&
                     begins_with(head.subspan(1), {0x2A, 0x4D, 0x18}));
  std::unique_ptr<ByteInput> whole = std::move(input);
  if (!mapped) whole = with_head({head.begin(), head.end()}, std::move(whole));
  if (gzip) return std::make_unique<GzipInput>(std::move(whole));
  if (zstd) return std::make_unique<ZstdInput>(std::move(whole));
  return whole;
}

std::unique_ptr<ByteInput> bytes_in_memory(std::span<const std::byte> bytes, std::string name) {
  return std::make_unique<MemoryInput>(bytes, std::move(name));
}

std::unique_ptr<ByteInput> with_head(std::vector<std::byte> head, std::unique_ptr<ByteInput> rest) {
  return std::make_unique<HeadInput>(std::move(head), std::move(rest));
}

std::unique_ptr<ByteInput> spooled(std::unique_ptr<ByteInput> input) {
  if (input->mapped()) return input;
  const std::string folder = std::filesystem::temp_directory_path();
  const UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const std::string name = fmt::format("{}: its copy in {}", input->name(), folder);
  if (!file) fail_errno(name);
  Buffer buffer(chunk_bytes);
  while (const std::size_t n = input->read(buffer.bytes())) {
    write_all(file.get(), std::span<const std::byte>(buffer.bytes()).first(n), name);
  }
  if (::lseek(file.get(), 0, SEEK_SET) < 0) fail_errno(name);
  const auto copy = MappedFile::map(file.get(), input->name());
  return std::make_unique<MemoryInput>(copy->bytes(), input->name(), copy);
}

std::size_t read_full(ByteInput& input, std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t n = input.read(out.subspan(done));
    if (n == 0) break;
    done += n;
  }
  return done;
}

std::unique_ptr<ByteOutput> to_file(const OutputFile& file) { return std::make_unique<FileOutput>(file); }

}  // namespace nn::format
