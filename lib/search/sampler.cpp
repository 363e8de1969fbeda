#include "search/sampler.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "search/free_points.hpp"
#include "search/grid.hpp"
#include "search/grid_sampler.hpp"
#include "search/sobol.hpp"
#include "search/tpe.hpp"

namespace nn::search {
namespace {

constexpr int most_tries = 256;  // combinations of the candidates of several groups

// The first combination of groups' candidates that is free. Candidates of a group are asked for where the
// values before it make it be there.
class TpeSearch {
 public:
  TpeSearch(const Space& space, const Tpe& tpe, const FreePoints& free, RandomStream& random)
      : space_(space),
        tpe_(tpe),
        free_(free),
        random_(random),
        groups_(tpe.groups()),
        point_(space.size(), std::numeric_limits<double>::quiet_NaN()) {}

  std::optional<Point> find() { return fill(0) ? std::optional(point_) : std::nullopt; }

 private:
  bool fill(std::size_t depth) {
    space_.settle(point_);
    if (depth == groups_.size()) return ++tries_ <= most_tries && free_.contains(point_);
    const auto& group = groups_[depth];
    if (!space_.is_active(group[0], point_)) return fill(depth + 1);
    for (const auto& values : tpe_.candidates(group, random_)) {
      for (std::size_t i = 0; i < group.size(); ++i) {
        point_[group[i]] = snapped(space_.parameters()[group[i]], values[i]);
      }
      if (fill(depth + 1)) return true;
      if (tries_ > most_tries) return false;
    }
    return false;
  }

  const Space& space_;
  const Tpe& tpe_;
  const FreePoints& free_;
  RandomStream& random_;
  std::vector<std::vector<std::size_t>> groups_;
  Point point_;
  int tries_ = 0;
};

std::optional<Point> propose_by_grid(const SamplerOptions& options, const Space& space,
                                     const FreePoints& free, std::uint64_t place) {
  const auto values = grid_values(space, options.grid_points);
  for (;; ++place) {
    auto point = grid_point(space, values, place);
    if (!point || free.contains(*point)) return point;
  }
}

std::size_t ended(const History& history) {
  return static_cast<std::size_t>(std::count_if(history.states.begin(), history.states.end(),
                                                [](TrialState s) { return s != TrialState::running; }));
}

// Which one is meant, of a space and what is known so far.
SamplerKind kind_of(const SamplerOptions& options) {
  return options.kind == SamplerKind::automatic ? SamplerKind::tpe : options.kind;
}

// What a sampler would like best; nothing where that is taken or forbidden.
std::optional<Point> favourite(const SamplerOptions& options, SamplerKind kind, const Space& space,
                               const History& history, const FreePoints& free, std::uint64_t so_far,
                               RandomStream& random) {
  switch (kind) {
    case SamplerKind::sobol: {
      Point point = sobol_point(space, options.seed, so_far);
      return free.contains(point) ? std::optional(std::move(point)) : std::nullopt;
    }
    case SamplerKind::tpe: {
      const Tpe tpe(space, history, options.tpe);
      return TpeSearch(space, tpe, free, random).find();
    }
    case SamplerKind::gp:
    case SamplerKind::cmaes: fail_usage("{}: it is not built yet", enum_names(kind).name_of(kind));
    case SamplerKind::automatic:
    case SamplerKind::grid:
    case SamplerKind::random: break;
  }
  return std::nullopt;
}

bool has_model(SamplerKind kind) {
  return kind == SamplerKind::tpe || kind == SamplerKind::gp || kind == SamplerKind::cmaes;
}

}  // namespace

const EnumNames<SamplerKind>& enum_names(SamplerKind) {
  static constexpr EnumName<SamplerKind> table[] = {
      {SamplerKind::automatic, "auto"}, {SamplerKind::random, "random"}, {SamplerKind::grid, "grid"},
      {SamplerKind::sobol, "sobol"},    {SamplerKind::tpe, "tpe"},       {SamplerKind::gp, "gp"},
      {SamplerKind::cmaes, "cmaes"}};
  static constexpr EnumNames<SamplerKind> names{"a sampler", table};
  return names;
}

const EnumNames<TpeVariant>& enum_names(TpeVariant) {
  static constexpr EnumName<TpeVariant> table[] = {{TpeVariant::optuna, "optuna"},
                                                   {TpeVariant::watanabe, "watanabe"}};
  static constexpr EnumNames<TpeVariant> names{"a variant of tpe", table};
  return names;
}

std::optional<Proposal> propose(const SamplerOptions& options, const Space& space, const History& history,
                                std::uint64_t so_far, RandomStream& random) {
  const FreePoints free(space, history, options.allow_duplicates);
  SamplerKind kind = kind_of(options);
  if (kind == SamplerKind::grid) {
    const auto point = propose_by_grid(options, space, free, so_far);
    return point ? std::optional(Proposal{*point, kind}) : std::nullopt;
  }
  if (has_model(kind) && ended(history) < options.startup) kind = SamplerKind::sobol;
  if (auto point = favourite(options, kind, space, history, free, so_far, random)) {
    return Proposal{std::move(*point), kind};
  }
  if (auto point = free.draw(random)) return Proposal{std::move(*point), SamplerKind::random};
  return std::nullopt;
}

}  // namespace nn::search
