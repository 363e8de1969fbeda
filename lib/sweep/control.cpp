#include "sweep/control.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "net/timer.hpp"

namespace nn::sweep {
namespace {

using Json = nlohmann::json;
using Local = asio::local::stream_protocol;

constexpr std::size_t longest_request = 64 << 10, longest_answer = 16 << 20, deepest = 4;
constexpr std::chrono::seconds time_to_ask{10};

SlotRequest parse_request(std::string_view line) {
  if (json_nests_deeper(line, deepest)) fail_data("a request that nests too deep");
  try {
    const Json request = Json::parse(line);
    return {request.at("add").get<std::vector<std::string>>(),
            request.at("drain").get<std::vector<std::string>>(), request.at("now").get<bool>()};
  } catch (const Json::exception&) {
    fail_data("'{}' is no request for slots", printable(line));
  }
}

std::string answer_to(std::string_view line, const Control::Handle& handle) {
  Json answer = Json::object();
  try {
    answer["slots"] = Json::array();
    for (const SlotState& slot : handle(parse_request(line)))
      answer["slots"].push_back({{"slot", slot.slot}, {"state", slot.state}});
  } catch (const Error& error) {
    answer = {{"error", error.what()}};
  }
  return json_dump(answer) + '\n';
}

}  // namespace

// Ends with its answer, or after some time.
struct Control::Connection : std::enable_shared_from_this<Connection> {
  Connection(Local::socket its_socket, std::shared_ptr<const Handle> its_handle)
      : socket(std::move(its_socket)),
        handle(std::move(its_handle)),
        timer(socket.get_executor(), time_to_ask) {}

  void start() {
    timer.wait([weak = weak_from_this()](bool expired) {
      const auto self = weak.lock();
      if (!expired || !self) return;
      boost::system::error_code ignored;
      self->socket.close(ignored);
    });
    asio::async_read_until(
        socket, asio::dynamic_buffer(text, longest_request), '\n',
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t n) {
          if (!error) self->answer(std::string_view(self->text).substr(0, n));
        });
  }

  void answer(std::string_view line) {
    text = answer_to(line, *handle);
    asio::async_write(socket, asio::buffer(text),
                      [self = shared_from_this()](const boost::system::error_code&, std::size_t) {});
  }

  Local::socket socket;
  std::shared_ptr<const Handle> handle;
  net::Timer timer;
  std::string text;
};

Control::Control(asio::io_context& io, const std::string& path, Handle handle)
    : Control(io, net::listen_on(net::parse_endpoint("unix:" + path), true), std::move(handle)) {
  constexpr mode_t own = 0600;
  ::chmod(path.c_str(), own);
  accept();
}

Control::Control(asio::io_context& io, net::Listening listening, Handle handle)
    : acceptor_(io, Local(), listening.fd.release()),
      file_(std::move(listening.socket)),
      handle_(std::make_shared<const Handle>(std::move(handle))) {}

Control::~Control() = default;

void Control::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, Local::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) std::make_shared<Connection>(std::move(socket), handle_)->start();
    if (error != asio::error::no_descriptors) accept();
  });
}

namespace {

// The answer, or nothing where nobody listens any more.
std::optional<std::string> ask(const std::string& path, const std::string& line) {
  asio::io_context io;
  Local::socket socket(io);
  boost::system::error_code error;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return std::nullopt;
  socket.connect(Local::endpoint(path), error);
  if (error) return std::nullopt;
  const timeval time{time_to_ask.count(), 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  std::string text;
  asio::write(socket, asio::buffer(line), error);
  if (!error) asio::read_until(socket, asio::dynamic_buffer(text, longest_answer), '\n', error);
  if (error) throw make_error(ErrorKind::unavailable, "it doesn't answer").within_file(path);
  return text;
}

}  // namespace

std::vector<SlotState> ask_for_slots(const std::string& journal, const SlotRequest& request) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(journal + ".d", error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("run-") && name.ends_with(".sock") && entry.is_socket(error))
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  const Json nothing = {{"add", Json::array()}, {"drain", Json::array()}, {"now", false}};
  if (request.now && request.drain.empty()) fail_usage("what is ended now isn't named: a slot to drain");
  const Json wanted = {{"add", request.add}, {"drain", request.drain}, {"now", request.now}};
  std::vector<std::string> alive, answers;
  for (const std::string& path : paths) {
    if (auto answer = ask(path, json_dump(nothing) + '\n')) {
      alive.push_back(path);
      answers.push_back(std::move(*answer));
    }
  }
  if (alive.empty())
    throw make_error(ErrorKind::unavailable, "no run of it is on this host").within_file(journal);
  if (request.is_change()) {
    if (alive.size() > 1)
      fail_usage("{}: {} runs of it are on this host; slots can be changed where there is one", journal,
                 alive.size());
    answers = {ask(alive[0], json_dump(wanted) + '\n').value_or("{}")};
  }
  std::vector<SlotState> slots;
  for (const std::string& answer : answers) {
    const Json said = Json::parse(answer, nullptr, false);
    try {
      if (said.contains("error")) fail_usage("{}", printable(said["error"].get<std::string>(), 500));
      for (const Json& slot : said.at("slots")) slots.push_back({slot.at("slot"), slot.at("state")});
    } catch (const Json::exception&) {
      fail_data("{}: what its run answers is no list of slots", journal);
    }
  }
  return slots;
}

}  // namespace nn::sweep
