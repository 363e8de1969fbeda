#include "serving/open_version.hpp"

#include "repository/ensemble_version.hpp"

namespace nn::serving {
namespace {

template <typename Model>
std::unique_ptr<Servable> warmed_up(std::unique_ptr<Model> model, const WarmUp& options) {
  model->warm_up(options);
  return model;
}

}  // namespace

std::unique_ptr<Servable> open_version(const std::string& name, const repository::FoundVersion& version,
                                       std::span<const Place> places, backend::Precision precision,
                                       const WarmUp& warm_up, const FindMember& find_member) {
  if (version.ensemble) {
    const ensemble::EnsembleFile file = repository::read_ensemble(version.path);
    try {
      return warmed_up(open_ensemble(name, version.version, file, places, precision, find_member), warm_up);
    } catch (const Error& error) {
      throw error.within_file(version.path);
    }
  }
  if (places.size() == 1) {
    return warmed_up(std::make_unique<LocalModel>(name, version.version, version.path, places[0].device,
                                                  precision, places[0].batcher),
                     warm_up);
  }
  return warmed_up(std::make_unique<ReplicatedModel>(name, version.version, version.path, places, precision),
                   warm_up);
}

}  // namespace nn::serving
