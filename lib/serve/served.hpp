// Versions as one thread serves them: their signatures, and tables that are bound to them. For this module
// only.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "inference/signature.hpp"
#include "serve/counters.hpp"
#include "serving/catalog.hpp"

namespace nn::serve {

// The label that whoever names no version gets: `stable`, where people or a judge say which version that is,
// and it is available; else none, which is the newest.
std::string_view default_label(const serving::ModelEntry& model);

// One thread's, which it keeps with its requests while they are under way.
struct Served {
  std::shared_ptr<serving::Servable> servable;
  inference::Signature signature;
  std::string name;  // "digits/3", as the field x-nn-model-version has it
  std::array<std::shared_ptr<const serving::Binding>, inference::Signature::table_count> bindings;
  std::shared_ptr<VersionCounters> counters;  // this thread's; null until it is asked for

  explicit Served(std::shared_ptr<serving::Servable> version);
  // The table of that number, bound to the version. Data errors as serving::bind() has them.
  const std::shared_ptr<const serving::Binding>& binding(std::size_t table_number);
};

// One thread's. Keeps its versions alive until look() finds that they aren't served any more.
class ServedVersions {
 public:
  const std::shared_ptr<Served>& of(const std::shared_ptr<serving::Servable>& servable);
  // Lets go of those that the catalog doesn't serve.
  void look(const serving::Catalog& catalog);

 private:
  std::unordered_map<const serving::Servable*, std::shared_ptr<Served>> versions_;
};

}  // namespace nn::serve
