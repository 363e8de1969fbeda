// A training that a client asked for: an nn-train of its own, which gets the rows on its standard
// input and gives the model back on its standard output. For this module only.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/device.hpp"
#include "model/model.hpp"
#include "process/child.hpp"
#include "protocol/frame.hpp"

namespace nn::worker {

struct TrainingOptions {
  std::string program;  // the path of nn-train
  std::string folder;   // for checkpoints
  backend::Device device;
  std::uint64_t max_frame = format::default_max_frame;  // of a message of rows
  std::uint64_t max_rows_bytes = 4ull << 30;            // of all rows of a training, decompressed
  std::chrono::milliseconds stop_timeout{30'000};       // to save a checkpoint
};

struct TrainingRequest {
  std::string job;  // empty: nothing is kept when it stops
  bool resume = false;
  std::vector<std::string> arguments;  // of nn-train
  std::string command_line;
  bool from = false;  // it begins with a model, which take_start() gets
};

// The words that start nn-train for it. Usage errors for a job that is no plain name, and for
// options that could read or write files of this machine.
std::vector<std::string> training_command(const TrainingOptions& options, const TrainingRequest& request);

// The path of nn-train, which lies beside this program. Data error where it doesn't.
std::string training_program();

// All calls in the serving thread. Frames about it go to the link, with the request's id.
class Training : public std::enable_shared_from_this<Training> {
 public:
  // `on_end` is called once, after the last frame: with what nn-train had to say, or nothing.
  using OnEnd = std::function<void(const std::optional<Error>&)>;
  Training(asio::io_context& io, TrainingOptions options, std::shared_ptr<protocol::FrameLink> link,
           std::uint64_t id);

  // Starts nn-train. Errors as training_command() has them.
  void start(const TrainingRequest& request, OnEnd on_end);
  // More rows. Data error for more than the limit, and for what isn't messages.
  void take(format::MessageBuffer rows, bool last);
  // More bytes of the model that it begins with, likewise.
  void take_start(format::MessageBuffer bytes, bool last);
  // Waits until at most so many bytes of rows and of that model are in memory.
  asio::awaitable<void> taken_down_to(std::uint64_t bytes);
  // Has nn-train save a checkpoint and end; the client is told `why`.
  void stop(wire::Code why);

  std::uint64_t id() const { return id_; }

 private:
  using Pipe = asio::posix::stream_descriptor;
  asio::awaitable<void> run();
  asio::awaitable<void> read_lines(Pipe& from, std::function<void(std::string_view)> take);
  asio::awaitable<void> send_model();
  void check_model(const std::function<void()>& step);
  asio::awaitable<int> ended();
  // What goes into a pipe of nn-train's, in order, and is closed behind the last of it.
  struct Feed {
    explicit Feed(asio::io_context& io) : pipe(io) {}
    Pipe pipe;
    std::vector<format::MessageBuffer> queue = {}, writing = {};
    bool complete = false;
  };
  void count(std::uint64_t bytes);
  void add(Feed& feed, format::MessageBuffer piece);
  void write(Feed& feed);
  std::string public_line(std::string_view line);
  std::string without_folder(std::string_view text) const;
  Error failure(std::string_view printed) const;
  void finish(int status);
  void give_up(const std::exception_ptr& why);
  template <typename T>
  void send_line(flatbuffers::Offset<T> message, std::string_view line);

  asio::io_context& io_;
  TrainingOptions options_;
  std::shared_ptr<protocol::FrameLink> link_;
  std::uint64_t id_;
  OnEnd on_end_;
  std::unique_ptr<process::Child> child_;
  Feed rows_, start_;
  Pipe model_, log_, errors_;
  Pipe end_;                 // readable when nn-train has ended
  std::uint64_t bytes_ = 0;  // of rows so far, decompressed, and of the model
  bool stopped_ = false, ended_ = false;
  wire::Code why_ = wire::Code::cancelled;
  net::Timer written_some_, patience_;
  std::vector<std::string> said_;  // the last lines of its standard error
  std::optional<Error> failure_;   // that its log ends with, without advice
  std::string failure_advice_;
  model::ModelCheck check_;  // of what it gives back
  std::optional<Error> not_whole_;
};

}  // namespace nn::worker
