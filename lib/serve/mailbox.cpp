#include "serve/mailbox.hpp"

#include <boost/asio/post.hpp>
#include <iterator>

namespace nn::serve {

void* OneBlock::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (taken_ || bytes > block_.size() || alignment > alignof(std::max_align_t))
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  taken_ = true;
  return block_.data();
}

void OneBlock::do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) {
  if (memory != block_.data()) return std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
  taken_ = false;
}

// Asio gives its memory back before it calls this, and so before another one may be on its way.
struct Mailbox::Opening {
  using allocator_type = std::pmr::polymorphic_allocator<std::byte>;
  allocator_type get_allocator() const noexcept { return &self->opening_; }
  void operator()() const { self->open(); }
  std::shared_ptr<Mailbox> self;
};

void Mailbox::complete(std::span<std::shared_ptr<serving::Request>> requests) {
  if (!take(requests)) let_go(requests);
}

// False where it is closed.
bool Mailbox::take(std::span<std::shared_ptr<serving::Request>> requests) {
  const std::lock_guard lock(mutex_);
  if (io_ == nullptr) return false;
  come_.insert(come_.end(), std::make_move_iterator(requests.begin()),
               std::make_move_iterator(requests.end()));
  if (!std::exchange(called_, true)) boost::asio::post(*io_, Opening{shared_from_this()});
  return true;
}

void Mailbox::let_go(std::span<std::shared_ptr<serving::Request>> requests) {
  for (const auto& request : requests) request->completed();
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
  std::vector<std::shared_ptr<serving::Request>> left;
  {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
    arrived_ = nullptr;
    left.swap(come_);
  }
  let_go(left);
}

}  // namespace nn::serve
