// The tensor stream: Apache Arrow's IPC streaming format, our reader and our writer.
// nn-tools(7) describes what of it is used, and the nn.* metadata.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "format/bytes.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// --max-frame of every tool, and of both ends of a connection.
inline constexpr std::uint64_t default_max_frame = 64u << 20;

struct StreamLimits {
  // Bytes of one message, metadata and body each, also after decompression.
  std::uint64_t max_frame = default_max_frame;
  // Bytes of memory that what a message says may take beside its body: decompressed, bits unpacked,
  // indices widened, values looked up. The same goes for all dictionaries of a stream together, and for all
  // messages of a MessageBuffer. 0: `decoded_frames` times max_frame.
  std::uint64_t max_decoded = 0;
  // Whether schemas have the keys that their writers put there; else only those that say what a column is.
  bool keep_metadata = true;
  static constexpr std::uint64_t decoded_frames = 4;
  std::uint64_t decoded() const { return max_decoded > 0 ? max_decoded : decoded_frames * max_frame; }
};
// The advice of errors about one of the limits.
inline constexpr const char* max_frame_advice = " (--max-frame)";

// Reads a stream (.arrows) or a random-access file (.arrow, .feather version 2).
// Bodies of mapped inputs are used in place where aligned; others are read into
// memory that is used again once no batch refers to it. Every message is verified
// before use. Streams of the same table may follow each other: the rows of the next are those behind
// the last's. Other bytes behind the end are a data error. A stream that stops without the end marker is one
// as well, nn.error in a message is thrown as a data error with its text, a wrong nn.xxh3 is a data error.
// Columns of unsupported types come as DType::opaque with data null.
// What is asked of the columns decides how some are read.
struct StreamUse {
  // The column that tells rows apart, if any: decimals, dates and times become texts there, to the last
  // digit.
  std::function<std::optional<std::size_t>(const Schema&)> id;
  bool says_rounded = false;  // a warning for each column of decimals whose digits a double doesn't have
};
std::unique_ptr<BatchSource> read_stream(std::unique_ptr<ByteInput> input, StreamLimits limits = {},
                                         StreamUse use = {});

// True when the bytes are the start of a stream / of an Arrow file. Needs 8 bytes.
bool looks_like_stream(std::span<const std::byte> head);
bool looks_like_arrow_file(std::span<const std::byte> head);

// Writes a stream. The schema goes out with the constructor, so that readers
// downstream can start; each batch is gathered with one writev and copied nowhere,
// except that a sliced validity bitmap is shifted and a boolean is packed. Batches over
// `max_frame` are split. Dictionaries go out when a batch first uses them. Those that have grown take the
// place of the one that the reader has, since not every reader knows deltas; where that would cost more than
// a share of the stream, it is one of the batch's own texts only, so that streams stay as long as their rows
// are. Fields of type opaque are left out.
class StreamWriter : public BatchSink {
 public:
  enum class Checksums : bool { no, yes };              // nn.xxh3; connections have their own
  enum class Dictionaries : bool { replaced, deltas };  // deltas: for readers of ours
  StreamWriter(std::unique_ptr<ByteOutput> output, const Schema& schema, StreamLimits limits = {},
               Checksums checksums = Checksums::yes, Dictionaries dictionaries = Dictionaries::replaced);
  ~StreamWriter() override;
  void write(const Batch& batch) override;
  void finish() override;                           // end-of-stream marker
  void abandon(std::string_view message) override;  // nn.error, no marker; never throws

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::format
