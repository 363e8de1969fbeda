#include "serve/mailbox.hpp"

#include <boost/asio/post.hpp>
#include <iterator>

namespace nn::serve {

void Mailbox::complete(std::span<std::shared_ptr<serving::Request>> requests) {
  const std::lock_guard lock(mutex_);
  if (io_ == nullptr) return;
  come_.insert(come_.end(), std::make_move_iterator(requests.begin()),
               std::make_move_iterator(requests.end()));
  if (std::exchange(called_, true)) return;
  boost::asio::post(*io_, [self = shared_from_this()] { self->open(); });
}

void Mailbox::post(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  if (io_ == nullptr) return;
  boost::asio::post(*io_, [self = shared_from_this(), call = std::move(call)] {
    if (self->arrived_) call();
  });
}

void Mailbox::open() {
  {
    const std::lock_guard lock(mutex_);
    called_ = false;
    opened_.swap(come_);
  }
  for (auto& request : opened_) {
    if (arrived_) arrived_(*request);
  }
  opened_.clear();
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  io_ = nullptr;
  arrived_ = nullptr;
}

}  // namespace nn::serve
