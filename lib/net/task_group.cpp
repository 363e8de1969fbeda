#include "net/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <utility>

namespace nn::net {

void TaskGroup::spawn(asio::awaitable<void> task) {
  asio::co_spawn(io_, std::move(task), [this](std::exception_ptr error) {
    if (error) end(std::move(error));
  });
}

void TaskGroup::end(std::exception_ptr error) {
  if (!error_) error_ = std::move(error);
  ended_ = true;
  io_.stop();
}

void TaskGroup::check() const {
  if (error_) std::rethrow_exception(error_);
}

}  // namespace nn::net
