#include "serving/servable.hpp"

#include <algorithm>

namespace nn::serving {

// Small steps cost more than their rows: the figure follows a cheaper step at once, and a dearer one slowly.
void Servable::note_cost(std::int64_t rows, Clock::duration time) {
  if (rows <= 0) return;
  const double cost = std::chrono::duration<double>(time).count() / static_cast<double>(rows);
  const double known = row_cost();
  row_cost_.store(known == 0 || cost < known ? cost : known + (cost - known) / 16, std::memory_order_relaxed);
}

std::shared_ptr<const Binding> bind(std::shared_ptr<Servable> servable, const Schema& table) {
  Metadata metadata;
  metadata.set("nn.model", servable->digest());
  metadata.set("nn.members", predict::json_array({servable->name()}));
  model::BoundEncoder encoder = servable->bind(table);
  predict::PredictionBuilder builder(servable->kind(), table, false, std::move(metadata));
  return std::make_shared<Binding>(Binding{std::move(servable), std::move(encoder), std::move(builder)});
}

}  // namespace nn::serving
