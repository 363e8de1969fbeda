#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "base/queue.hpp"
#include "format/readers.hpp"
#include "format/source_open.hpp"

namespace nn::format {

struct InputsAhead::State {
  struct Input {
    explicit Input(std::size_t capacity) : batches(capacity) {}
    BoundedQueue<Batch> batches;
    std::promise<std::shared_ptr<const Schema>> opened;
    std::shared_ptr<const Schema> schema;
    std::exception_ptr error;  // set before `batches` is closed, read after
  };

  void run() {
    for (;;) {
      const std::size_t index = taken.fetch_add(1);
      if (index >= inputs.size() || group.stopping()) return;
      Input& input = *inputs[index];
      bool open_done = false;
      try {
        const std::unique_ptr<BatchSource> source = index == 0 ? std::move(first) : open(index);
        input.opened.set_value(source->schema());
        open_done = true;
        while (!group.stopping()) {
          auto batch = source->next();
          if (!batch || !input.batches.push(std::move(*batch))) break;
        }
      } catch (...) {
        input.error = std::current_exception();
        if (!open_done) input.opened.set_exception(input.error);
      }
      input.batches.close();
    }
  }

  std::unique_ptr<BatchSource> first;
  Open open;
  std::vector<std::unique_ptr<Input>> inputs;
  std::atomic<std::size_t> taken{0};
  Coordinator group;  // last: its threads use all of the above
};

namespace {

// Returns the number of batches that fit into `bytes`, going by the schema.
std::size_t batches_in(std::size_t bytes, const Schema& schema) {
  std::size_t row = 1;
  for (const Field& field : schema.fields) {
    row +=
        static_cast<std::size_t>(element_count(field.shape)) * std::max<std::size_t>(size_of(field.type), 1);
  }
  return std::clamp<std::size_t>(bytes / (row * static_cast<std::size_t>(usual_batch_rows)), 1, 64);
}

}  // namespace

InputsAhead::InputsAhead(std::unique_ptr<BatchSource> first, Open open, std::size_t count, int threads,
                         std::size_t bytes)
    : state_(std::make_unique<State>()) {
  const auto most_threads = std::min(static_cast<std::size_t>(threads), count);
  const std::size_t capacity = batches_in(bytes / most_threads, *first->schema());
  state_->first = std::move(first);
  state_->open = std::move(open);
  for (std::size_t i = 0; i < count; ++i) state_->inputs.push_back(std::make_unique<State::Input>(capacity));
  state_->group.on_stop([state = state_.get()] {
    for (const auto& input : state->inputs) input->batches.cancel();
  });
  for (std::size_t i = 0; i < most_threads; ++i)
    state_->group.start([state = state_.get()] { state->run(); });
}

InputsAhead::~InputsAhead() = default;

std::shared_ptr<const Schema> InputsAhead::schema(std::size_t index) {
  return state_->inputs[index]->opened.get_future().get();
}

std::optional<Batch> InputsAhead::next(std::size_t index) {
  State::Input& input = *state_->inputs[index];
  auto batch = input.batches.pop();
  if (!batch && input.error) std::rethrow_exception(input.error);
  return batch;
}

}  // namespace nn::format
