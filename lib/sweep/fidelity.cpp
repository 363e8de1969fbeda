#include "sweep/fidelity.hpp"

#include <cmath>

#include "base/numbers.hpp"
#include "sweep/breeding.hpp"
#include "sweep/promoting.hpp"

namespace nn::sweep {

bool reaches(double budget, const Reached& reached) {
  if (std::isnan(budget)) return false;
  if (!reached.has_steps) return true;
  const auto last = static_cast<double>(reached.last);
  return last >= budget || (reached.first == 0 && last == budget - 1);
}

bool has_stages(const search::PrunerSpec& spec) {
  return spec.kind == search::PrunerKind::promotion || spec.kind == search::PrunerKind::population;
}

std::unique_ptr<Fidelity> make_fidelity(const FidelityOf& of) {
  if (of.spec.kind == search::PrunerKind::promotion) return std::make_unique<Promoting>(of);
  if (of.spec.kind == search::PrunerKind::population) return std::make_unique<Breeding>(of);
  return nullptr;
}

double whole_budget(const search::PrunerSpec& spec) {
  const bool has_rungs =
      spec.kind == search::PrunerKind::halving || spec.kind == search::PrunerKind::hyperband;
  return has_rungs && spec.most > 0 ? static_cast<double>(spec.most) : std::nan("");
}

std::string_view host_of(std::string_view slot) {
  const auto slash = slot.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : slot.substr(0, slash);
}

const study::Checkpoint* checkpoint_at_budget(const study::Trial& trial) {
  const bool is_there = !trial.checkpoints.empty() && trial.checkpoints.back().budget == trial.budget;
  return is_there ? &trial.checkpoints.back() : nullptr;
}

std::int64_t member_of(const study::Trial& trial) {
  const study::Attribute* attribute = trial.find_attribute(member_attribute, true);
  if (attribute == nullptr) return -1;
  const auto member = find_integer(attribute->json);
  return member && *member >= 0 ? *member : -1;
}

}  // namespace nn::sweep
