#include "worker/training.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "net/no_throw.hpp"
#include "train/options.hpp"

namespace nn::worker {
namespace {

using namespace asio::experimental::awaitable_operators;
using net::no_throw;
constexpr std::size_t chunk = 256 << 10;
constexpr std::uint64_t most_unsent = 4u << 20;
constexpr std::size_t most_said = 50, longest_line = 64 << 10;
constexpr std::size_t longest_job = 100;
constexpr int start_descriptor = 4;

// A client's arguments are applied here first, to options that nobody uses: a wrong one is an error at
// once, and nothing but options that may travel gets through, none of which names a file or a device.
void check_arguments(const std::vector<std::string>& arguments, const backend::Device& device) {
  train::TrainOptions scratch;
  options::List list = train::option_list(scratch);
  std::erase_if(list, [](const options::Option& option) { return !options::may_travel(option); });
  for (const std::string_view argument : arguments) {
    const std::string_view name = argument.substr(0, argument.find('='));
    if (!name.starts_with("--") || options::find(list, name.substr(2)) == nullptr) {
      fail_usage("a worker takes no {}", printable(name));
    }
  }
  options::apply_arguments(list, arguments);
  if (!scratch.valid.file.empty()) {
    fail_usage("--valid: a worker takes a fraction; the rows of a file would have to be there");
  }
  if (scratch.folds > 0 || train::members_of(scratch).size() > 1)
    fail_usage("a worker trains one network at a time");
  scratch.device = device;
  train::check_options(scratch);
  train::check_device_options(scratch);
}

void check_job(std::string_view job) {
  const bool plain = std::all_of(job.begin(), job.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!plain || job.starts_with('.') || job.starts_with('-') || job.size() > longest_job) {
    throw make_error(ErrorKind::usage,
                     "'{}' names no training: letters, digits, '.', '_' and '-', at most {}", printable(job),
                     longest_job)
        .advise("; --checkpoint gives it another name");
  }
}

void check_there(const std::string& program) {
  if (::access(program.c_str(), X_OK) == 0) return;
  throw data_error("a worker needs it to train, and it isn't there").within_file(program);
}

constexpr std::string_view end_of_stream("\xFF\xFF\xFF\xFF\0\0\0\0", 8);

}  // namespace

std::string training_program() {
  std::string path(4096, '\0');
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  path.resize(path.rfind('/') + 1);
  path += "nn-train";
  check_there(path);
  return path;
}

std::vector<std::string> training_command(const TrainingOptions& options, const TrainingRequest& request) {
  check_job(request.job);
  std::vector<std::string> words = {options.program,
                                    "-",
                                    "--device=" + backend::to_string(options.device),
                                    "--output=-",
                                    "--log=/dev/fd/3",
                                    fmt::format("--max-frame={}", options.max_frame),
                                    "--command-line=" + request.command_line};
  const std::string& job = request.job;
  words.push_back("--checkpoint=" + (job.empty() ? "/dev/null" : options.folder + "/" + job + ".ckpt"));
  if (request.resume && !job.empty()) words.emplace_back("--resume");
  if (request.from) words.push_back(fmt::format("--from=/dev/fd/{}", start_descriptor));
  check_arguments(request.arguments, options.device);
  words.insert(words.end(), request.arguments.begin(), request.arguments.end());
  return words;
}

Training::Training(asio::io_context& io, TrainingOptions options, std::shared_ptr<protocol::FrameLink> link,
                   std::uint64_t id)
    : io_(io),
      options_(std::move(options)),
      link_(std::move(link)),
      id_(id),
      rows_(io),
      start_(io),
      model_(io),
      log_(io),
      errors_(io),
      end_(io),
      written_some_(io.get_executor()),
      patience_(io.get_executor()) {}

void Training::start(const TrainingRequest& request, OnEnd on_end) {
  check_there(options_.program);  // it was when the worker started
  process::Command command;
  command.words = training_command(options_, request);
  auto [rows_out, rows_in] = make_pipe();
  auto [model_out, model_in] = make_pipe();
  auto [errors_out, errors_in] = make_pipe();
  auto [log_out, log_in] = make_pipe();
  // Its own group keeps a terminal's ^C from it: with ours it would have two signals, and not save.
  command.descriptors = {{rows_out.get(), STDIN_FILENO},
                         {model_in.get(), STDOUT_FILENO},
                         {errors_in.get(), STDERR_FILENO},
                         {log_in.get(), 3}};
  UniqueFd start_out, start_in;
  if (request.from) {
    std::tie(start_out, start_in) = make_pipe();
    command.descriptors.push_back({start_out.get(), start_descriptor});
  } else {
    start_.complete = true;
  }
  child_ = std::make_unique<process::Child>(std::move(command));
  end_.assign(child_->end_descriptor().release());
  rows_.pipe.assign(rows_in.release());
  if (request.from) start_.pipe.assign(start_in.release());
  model_.assign(model_out.release());
  errors_.assign(errors_out.release());
  log_.assign(log_out.release());
  on_end_ = std::move(on_end);
  asio::co_spawn(
      io_, [self = shared_from_this()] { return self->run(); },
      [self = shared_from_this()](const std::exception_ptr& error) {
        if (error) self->give_up(error);
      });
}

void Training::count(std::uint64_t bytes) {
  bytes_ += bytes;
  if (bytes_ > options_.max_rows_bytes) {
    throw data_error("over {} bytes of rows; this worker takes no more for one training",
                     options_.max_rows_bytes)
        .advise(" (--max-rows-bytes)");
  }
}

void Training::take(format::MessageBuffer rows, bool last) {
  if (rows_.complete) fail_data("rows after the last");
  count(format::decoded_size(rows, {options_.max_frame}));
  rows_.complete = last;
  add(rows_, std::move(rows));
  if (last) add(rows_, protocol::message_of_bytes(end_of_stream).own);
}

void Training::take_start(format::MessageBuffer bytes, bool last) {
  if (start_.complete) fail_data("more of a model that is complete, or that nobody said would come");
  count(bytes.size);
  start_.complete = last;
  add(start_, std::move(bytes));
}

void Training::add(Feed& feed, format::MessageBuffer piece) {
  if (ended_) return;
  feed.queue.push_back(std::move(piece));
  if (feed.writing.empty()) write(feed);
}

void Training::write(Feed& feed) {
  feed.writing = std::exchange(feed.queue, {});
  std::vector<asio::const_buffer> buffers;
  for (const format::MessageBuffer& piece : feed.writing)
    buffers.emplace_back(piece.bytes().data(), piece.size);
  asio::async_write(feed.pipe, buffers,
                    [self = shared_from_this(), &feed](const boost::system::error_code& error, std::size_t) {
                      feed.writing.clear();
                      if (error) feed.queue.clear();  // it has ended, and says why
                      self->written_some_.cancel();
                      if (!feed.queue.empty()) return self->write(feed);
                      boost::system::error_code ignored;
                      if (feed.complete) feed.pipe.close(ignored);
                    });
}

asio::awaitable<void> Training::taken_down_to(std::uint64_t bytes) {
  const auto waiting = [this] {
    std::uint64_t sum = 0;
    for (const auto* pieces : {&rows_.writing, &rows_.queue, &start_.writing, &start_.queue}) {
      for (const format::MessageBuffer& piece : *pieces) sum += piece.size;
    }
    return sum;
  };
  while (waiting() > bytes && !ended_) {
    written_some_.expires_at(Clock::time_point::max());
    co_await written_some_.wait();
  }
}

void Training::stop(wire::Code why) {
  if (std::exchange(stopped_, true) || ended_) return;
  why_ = why;
  child_->send_signal(SIGTERM);
  patience_.expires_after(options_.stop_timeout);
  patience_.wait([self = shared_from_this()](bool expired) {
    if (expired) self->child_->send_signal(SIGKILL);
  });
}

// A message whose body is a line.
template <typename T>
void Training::send_line(flatbuffers::Offset<T> message, std::string_view line) {
  link_->send(link_->maker().finish(id_, message, protocol::message_of_bytes(fmt::format("{}\n", line))));
}

asio::awaitable<void> Training::run() {
  const auto self = shared_from_this();
  const auto report = [this](std::string_view line) {
    send_line(wire::CreateProgress(link_->maker().builder()), public_line(line));
  };
  const auto keep = [this](std::string_view line) {
    if (said_.size() == most_said) said_.erase(said_.begin());
    said_.emplace_back(line);
  };
  co_await (read_lines(log_, report) && read_lines(errors_, keep) && send_model());
  finish(co_await ended());
}

asio::awaitable<void> Training::read_lines(Pipe& from, std::function<void(std::string_view)> take) {
  std::string text;
  std::array<char, 4096> bytes{};
  for (;;) {
    auto [error, n] = co_await from.async_read_some(asio::buffer(bytes), no_throw);
    text.append(bytes.data(), n);
    std::size_t at = 0;
    for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      take(std::string_view(text).substr(at, end - at));
    }
    text.erase(0, at);
    // A client that takes no lines is not written more of them: nn-train waits with its log.
    co_await link_->sent_down_to(most_unsent);
    if (error || text.size() > longest_line) co_return;
  }
}

asio::awaitable<void> Training::send_model() {
  for (;;) {
    auto memory = std::make_shared<Buffer>(chunk);
    auto [error, n] = co_await model_.async_read_some(asio::buffer(memory->data(), chunk), no_throw);
    if (error || n == 0) co_return;
    const auto bytes = memory->bytes().first(n);
    check_model([&] { check_.add(bytes); });
    link_->send(link_->maker().finish(id_, wire::CreateModel(link_->maker().builder(), false),
                                      {{std::move(memory), n}, {}}));
    co_await link_->sent_down_to(most_unsent);
  }
}

// An exit status of 0 is believed when the model is whole as well.
void Training::check_model(const std::function<void()>& step) {
  try {
    if (!not_whole_) step();
  } catch (const Error& error) {
    not_whole_ =
        Error(ErrorKind::internal, "nn-train ended well, but its model is not whole: " + error.statement());
  }
}

// It has closed its outputs: this is a matter of milliseconds, unless something is wrong with it.
asio::awaitable<int> Training::ended() {
  for (;;) {
    if (const auto status = child_->status()) co_return *status;
    co_await end_.async_wait(Pipe::wait_read, no_throw);
  }
}

std::string Training::without_folder(std::string_view text) const {
  const std::string folder = options_.folder + "/";
  std::string out(text);
  for (std::size_t at; (at = out.find(folder)) != std::string::npos;) out.erase(at, folder.size());
  return out;
}

// A line of the log as clients get it. The one that says how the run ended names the checkpoint, which
// clients know without the folder, and in what nn-train's error is apart: a text of its standard error is for
// people.
std::string Training::public_line(std::string_view line) {
  auto record = nlohmann::ordered_json::parse(line, nullptr, false);
  if (!record.is_object() || !record.contains("end") || record.contains("member")) return std::string(line);
  const auto text = [&](const char* name) {
    const auto found = record.find(name);
    if (found == record.end() || !found->is_string()) return std::string();
    *found = without_folder(found->get_ref<const std::string&>());
    return found->get<std::string>();
  };
  text("checkpoint");
  const std::string error = text("error");
  failure_advice_ = text("advice");
  if (const auto kind = find_error_kind(text("kind"))) failure_ = Error(*kind, error);
  return json_dump(record);
}

// Something went wrong here, and not with nn-train.
void Training::give_up(const std::exception_ptr& why) {
  const Error error = error_of(why);
  ended_ = true;
  patience_.cancel();
  written_some_.cancel();
  child_.reset();
  link_->send(link_->maker().failed(id_, wire::Code::internal, error));
  on_end_(error);
}

// The error that its log ends with. The log has advice as a sentence; what joins that to the message is in
// the line that nn-train printed.
Error Training::failure(std::string_view printed) const {
  if (printed.starts_with(failure_->message())) {
    return failure_->advise("{}", printed.substr(failure_->message().size()));
  }
  return failure_advice_.empty() ? *failure_ : failure_->advise("; {}", failure_advice_);
}

void Training::finish(int status) {
  ended_ = true;
  patience_.cancel();
  written_some_.cancel();
  boost::system::error_code ignored;
  for (Feed* feed : {&rows_, &start_}) feed->pipe.close(ignored);
  // Without what only matters here: its name, and where the folder is.
  const auto text_of = [this](std::string_view line) { return without_folder(message_of("nn-train", line)); };
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::optional<Error> error;
  std::string last;
  if (code != 0 && !said_.empty()) {
    last = text_of(said_.back());
    said_.pop_back();
  }
  for (const std::string& line : said_) {
    send_line(wire::CreateNotice(link_->maker().builder()), text_of(line));
  }
  if (code == 0) check_model([this] { check_.finish(); });
  if (code == 0 && not_whole_) {
    error = not_whole_;
    link_->send(link_->maker().failed(id_, protocol::code_of(error->kind()), *error));
  } else if (code == 0) {
    link_->send(link_->maker().finish(id_, wire::CreateModel(link_->maker().builder(), true)));
  } else if (stopped_) {
    link_->send(
        link_->maker().failed(id_, why_, last.empty() ? "stopped before there was a checkpoint" : last));
    error.emplace(ErrorKind::unavailable, "stopped");
  } else {
    // One that ends before it has a log, or by a signal, leaves its exit status.
    const ErrorKind kind = code == exit_failed || code == exit_usage ? ErrorKind::data
                           : code == exit_unavailable                ? ErrorKind::unavailable
                           : code == exit_device                     ? ErrorKind::device
                                                                     : ErrorKind::internal;
    if (WIFSIGNALED(status)) last = fmt::format("nn-train was ended by signal {}", WTERMSIG(status));
    if (last.empty()) last = "nn-train said nothing; " + process::describe_end(status);
    error = failure_ && WIFEXITED(status) ? failure(last) : Error(kind, last);
    link_->send(link_->maker().failed(id_, protocol::code_of(error->kind()), *error));
  }
  on_end_(error);
}

}  // namespace nn::worker
