// What is told of ensembles: who takes part, and how often somebody didn't.
#include "serve/metrics_families.hpp"

namespace nn::serve {
namespace {

using Type = MetricsText::Type;

struct Ensemble {
  std::string_view model;
  std::string version;
  serving::LoadReport load;
};

}  // namespace

void add_members(MetricsText& out, const serving::Catalog& catalog) {
  std::vector<Ensemble> ensembles;
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      if (!entry.servable || entry.servable->members().empty()) continue;
      ensembles.push_back({model.name, number_text(version), entry.servable->report()});
    }
  }
  const auto each_member = [&](auto&& sample) {
    for (const Ensemble& e : ensembles) {
      for (const serving::MemberLoad& member : e.load.members) sample(e, member);
    }
  };
  out.family("nn_serve_ensemble_incomplete_total", Type::counter,
             "Requests that an ensemble answered without all of its members.");
  for (const Ensemble& e : ensembles)
    out.sample({{"model", e.model}, {"version", e.version}}, e.load.incomplete);
  out.family("nn_serve_ensemble_member_requests_total", Type::counter,
             "What members of ensembles did with requests.");
  each_member([&](const Ensemble& e, const serving::MemberLoad& member) {
    const auto add = [&](std::string_view result, std::uint64_t count) {
      out.sample({{"model", e.model}, {"version", e.version}, {"member", member.name}, {"result", result}},
                 count);
    };
    add("answered", member.answered);
    add("failed", member.failed);
    add("late", member.late);
  });
  out.family("nn_serve_ensemble_member_up", Type::gauge,
             "1 for a member that is there, and answered the last time.");
  each_member([&](const Ensemble& e, const serving::MemberLoad& member) {
    out.sample({{"model", e.model}, {"version", e.version}, {"member", member.name}},
               std::uint64_t{member.fault.empty()});
  });
}

}  // namespace nn::serve
