// Reads a source in a thread of its own, some batches ahead.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "tensor/batch.hpp"

namespace nn {

// One consumer thread. Waits end with Interrupted when a stop was requested. The
// destructor does not wait for a producer that gives nothing: the thread then keeps its
// source until the process ends.
class ReadAhead {
 public:
  using Open = std::function<std::unique_ptr<BatchSource>()>;
  // `open` is called in the thread: opening a FIFO waits for its writer.
  ReadAhead(Open open, std::size_t batches);
  // Reads a source that is open already.
  ReadAhead(std::unique_ptr<BatchSource> source, std::size_t batches);
  ReadAhead(ReadAhead&&) noexcept;
  ~ReadAhead();

  // Waits for the source to open; throws what opening threw. Call it before next().
  const std::shared_ptr<const Schema>& schema();
  std::optional<std::int64_t> total_rows() const;  // after schema()

  // The next batch, or nothing at the end. Throws what the source threw.
  std::optional<Batch> next();
  // The same without waiting: nothing when there is no batch yet, or no more.
  std::optional<Batch> try_next();
  // Nothing more will come; next() doesn't wait any more, and says how it ended.
  bool ended() const;

 private:
  struct Channel;
  std::shared_ptr<Channel> channel_;
};

}  // namespace nn
