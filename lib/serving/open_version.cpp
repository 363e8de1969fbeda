#include "serving/open_version.hpp"

#include "repository/small_file.hpp"
#include "serving/ensemble_model.hpp"

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
                                       const WarmUp& warm_up) {
  if (version.ensemble) {
    const auto text = repository::read_small_file(version.path, ensemble::EnsembleFile::most_bytes);
    if (!text) throw make_error(ErrorKind::io, "no such file").within_file(version.path);
    const ensemble::EnsembleFile file = ensemble::parse_ensemble(*text, version.path);
    try {
      return warmed_up(std::make_unique<EnsembleModel>(name, version.version, file, places, precision),
                       warm_up);
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
