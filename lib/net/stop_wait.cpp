#include "net/stop_wait.hpp"

#include <fcntl.h>

#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/signals.hpp"

namespace nn::net {

StopWait::StopWait(const asio::any_io_executor& executor, std::function<void()> then) {
  if (stop_descriptor() < 0) return;
  UniqueFd own(::fcntl(stop_descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!own) fail_errno("the descriptor of signals");
  descriptor_.emplace(executor, own.release());
  descriptor_->async_wait(asio::posix::stream_descriptor::wait_read,
                          [then = std::move(then)](const boost::system::error_code& error) {
                            if (!error) then();
                          });
}

}  // namespace nn::net
