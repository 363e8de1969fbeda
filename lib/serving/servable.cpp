#include "serving/servable.hpp"

namespace nn::serving {

void Request::answer() {
  if (wants_batch) answers = binding->builder.build(rows, std::move(values), nullptr, nullptr);
  state = State::answered;
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
