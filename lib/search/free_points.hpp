// Points that may be proposed: not forbidden, and not tried before. For this module only.
#pragma once

#include <optional>

#include "base/random.hpp"
#include "search/history.hpp"
#include "search/space.hpp"

namespace nn::search {

// Neither is copied.
class FreePoints {
 public:
  // With `allow_duplicates` all count as not tried.
  FreePoints(const Space& space, const History& history, bool allow_duplicates)
      : space_(space), history_(history), allow_duplicates_(allow_duplicates) {}

  // REQUIRES: it has values for all that is there, and nothing for the rest.
  bool contains(const Point& point) const;
  // One by chance; nothing where there is none, which is known of spaces that can be counted. Data errors
  // where none is found otherwise.
  std::optional<Point> draw(RandomStream& random) const;

 private:
  bool is_tried(const Point& point) const;
  std::optional<Point> draw_counted(RandomStream& random) const;

  const Space& space_;
  const History& history_;
  bool allow_duplicates_;
};

}  // namespace nn::search
