// A run's control socket, JOURNAL.d/run-ID.sock: slots are listed, added and drained there while it runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/listen.hpp"
#include "sweep/slot.hpp"

namespace nn::sweep {

namespace asio = boost::asio;

// What is asked of a run.
struct SlotRequest {
  std::vector<std::string> add;    // "cuda:1", "h2/cuda:1*2"
  std::vector<std::string> drain;  // names of slots, or of devices with all their slots
  bool now = false;                // what runs on those is ended, and begun again elsewhere
  bool is_change() const { return !add.empty() || !drain.empty(); }
};

// One thread, that of the io_context. A request is a line of JSON, and so is its answer.
class Control {
 public:
  // Throws what is wrong with a request; it is answered.
  using Handle = std::function<std::vector<SlotState>(const SlotRequest&)>;
  // Replaces a socket that nobody listens on. Io and usage errors of listening there.
  Control(asio::io_context& io, const std::string& path, Handle handle);
  ~Control();
  Control(const Control&) = delete;

 private:
  struct Connection;
  Control(asio::io_context& io, net::Listening listening, Handle handle);
  void accept();
  asio::local::stream_protocol::acceptor acceptor_;
  OwnFile file_;
  std::shared_ptr<const Handle> handle_;
};

// Asks the only run of a journal on this host; where nothing is to be changed, all of them. Errors: there is
// none, there are several, or what the run says is wrong.
std::vector<SlotState> ask_for_slots(const std::string& journal, const SlotRequest& request);

}  // namespace nn::sweep
