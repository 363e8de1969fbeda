#include "serving/local_servable.hpp"

#include "serving/batcher.hpp"

namespace nn::serving {

bool LocalServable::try_now(Request& request) { return batcher_->try_now(*this, request); }

bool LocalServable::submit(std::shared_ptr<Request> request) {
  const std::shared_ptr<LocalServable> self(request->binding->servable, this);
  return batcher_->submit(self, std::move(request));
}

// Small steps cost more than their rows: the figure follows a cheaper step at once, and a dearer one slowly.
void LocalServable::note_cost(std::int64_t rows, Clock::duration time) {
  if (rows <= 0) return;
  const double cost = std::chrono::duration<double>(time).count() / static_cast<double>(rows);
  const double known = row_cost();
  row_cost_.store(known == 0 || cost < known ? cost : known + (cost - known) / 16, std::memory_order_relaxed);
}

}  // namespace nn::serving
