#include "predict/as_learned.hpp"

#include <filesystem>

#include "format/reading.hpp"
#include "model/model.hpp"

namespace nn::predict {

void read_as_learned(const std::string& path, format::SourceOptions& source) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return;
  const model::Model model = model::inspect_model(path, false).model;
  format::take_reading(source, model.reading);
  format::take_columns(source, model::table_of(model));
}

}  // namespace nn::predict
