#include "serving/servable.hpp"

#include <utility>

namespace nn::serving {

void Request::answer() {
  if (wants_batch)
    answers = binding->builder.build(rows, std::exchange(values, Buffer()),
                                     labels.empty() ? nullptr : labels.data(), nullptr);
  state = State::answered;
}

void Request::reset() {
  cancelled.store(false, std::memory_order_relaxed);
  state = State::waiting;
  answers.reset();
  labels.clear();
  error.reset();
  took_part = 0;
  waited = computed = std::chrono::microseconds(0);
  step_rows = taken = done = 0;
  device = {};
}

std::shared_ptr<const Binding> bind(std::shared_ptr<Servable> servable, const Schema& table) {
  Metadata metadata;
  metadata.set("nn.model", servable->digest());
  metadata.set("nn.members", predict::json_array({servable->name()}));
  BoundTable bound = servable->bind(table);
  predict::PredictionBuilder builder(servable->kind(), table, false, std::move(metadata));
  return std::make_shared<Binding>(Binding{std::move(servable), std::move(bound), std::move(builder)});
}

}  // namespace nn::serving
