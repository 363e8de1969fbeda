#include "search/sampler.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "search/automatic.hpp"
#include "search/cmaes.hpp"
#include "search/free_points.hpp"
#include "search/gp_sampler.hpp"
#include "search/grid.hpp"
#include "search/grid_sampler.hpp"
#include "search/sobol.hpp"
#include "search/tpe.hpp"

namespace nn::search {
namespace {

constexpr int most_draws = 10;   // of CMA-ES, each of which learns anew
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
SamplerKind kind_of(const SamplerOptions& options, const Space& space, const History& history) {
  if (options.kind == SamplerKind::automatic) return automatic_kind(space, history);
  const bool is_for_one = options.kind == SamplerKind::gp || options.kind == SamplerKind::cmaes;
  if (is_for_one && history.values.size() > 1) {
    fail_usage("{} is for one objective, and there are {}; tpe is for several",
               enum_names(options.kind).name_of(options.kind), history.values.size());
  }
  return options.kind;
}

std::optional<Point> propose_by_tpe(const SamplerOptions& options, const Space& space, const History& history,
                                    const FreePoints& free, RandomStream& random) {
  const Tpe tpe(space, history, options.tpe);
  return TpeSearch(space, tpe, free, random).find();
}

// Choices, and numbers that are not always there, are Parzen estimators'.
std::optional<Point> propose_by_cmaes(const SamplerOptions& options, const Space& space,
                                      const History& history, const FreePoints& free, RandomStream& random) {
  const bool is_automatic = options.kind == SamplerKind::automatic;
  const bool only_numbers =
      std::all_of(space.parameters().begin(), space.parameters().end(), [](const Parameter& p) {
        return p.is_single() ? p.conditions.empty() : !p.is_categorical() && p.conditions.empty();
      });
  std::optional<Point> point(Point(space.size(), std::numeric_limits<double>::quiet_NaN()));
  if (!only_numbers) point = propose_by_tpe(options, space, history, free, random);
  for (int tries = 0; point && tries < most_draws; ++tries) {
    Point next = *point;
    cmaes_propose(space, history, is_automatic ? gp_trials : options.startup, random, next);
    if (free.contains(next)) return next;
  }
  return point && !only_numbers ? point : std::nullopt;
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
    case SamplerKind::tpe: return propose_by_tpe(options, space, history, free, random);
    case SamplerKind::gp: {
      const std::vector<Point> candidates = gp_candidates(space, history, random);
      const auto found = std::find_if(candidates.begin(), candidates.end(),
                                      [&](const Point& point) { return free.contains(point); });
      return found == candidates.end() ? std::nullopt : std::optional(*found);
    }
    case SamplerKind::cmaes: return propose_by_cmaes(options, space, history, free, random);
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
  SamplerKind kind = kind_of(options, space, history);
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
