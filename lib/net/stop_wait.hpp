// The first request to stop (base/signals.hpp), told in an io_context: nobody has to look from time to time.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>

#include "net/timer.hpp"

namespace nn::net {

// One thread, that of the io_context, which has work to do until this is destroyed.
class StopWait {
 public:
  // `then` is called once: at once where the request has come already, and never where signals were not
  // installed, or this is destroyed before.
  StopWait(const asio::any_io_executor& executor, std::function<void()> then);

 private:
  std::optional<asio::posix::stream_descriptor> descriptor_;
};

}  // namespace nn::net
