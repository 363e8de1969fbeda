#include "onnx/import_shapes.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "base/error.hpp"

namespace nn::onnx {
namespace {

using Dims = std::vector<std::int64_t>;

// Slice's starts, ends, axes and steps, which were attributes before opset 10.
struct Range {
  std::int64_t start, end, step;
  std::size_t axis;
};
std::optional<std::vector<Range>> ranges_of(const Node& node, std::span<const GraphValue> operands,
                                            std::size_t rank) {
  std::array<Dims, 4> given;
  if (node.find("starts") != nullptr) {
    given = {node.integers("starts"), node.integers("ends"), node.integers("axes"), {}};
  } else {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i + 1 >= operands.size() || std::holds_alternative<Unknown>(operands[i + 1])) continue;
      const auto numbers = numbers_of_value(operands[i + 1]);
      if (!numbers) return std::nullopt;
      given[i] = *numbers;
    }
  }
  auto& [starts, ends, axes, steps] = given;
  if (axes.empty()) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  steps.resize(starts.size(), 1);
  const auto at = from_front(axes, rank);
  if (!at || ends.size() != starts.size() || at->size() != starts.size()) return std::nullopt;
  std::vector<Range> out;
  for (std::size_t i = 0; i < starts.size(); ++i) out.push_back({starts[i], ends[i], steps[i], (*at)[i]});
  return out;
}

// A Slice of a list.
template <typename T>
std::optional<std::vector<T>> sliced(const std::vector<T>& list, const Range& range) {
  if (range.step != 1) return std::nullopt;
  const auto size = static_cast<std::int64_t>(list.size());
  const auto clamp = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
  };
  const std::int64_t first = clamp(range.start), last = std::max(first, clamp(range.end));
  return std::vector<T>(list.begin() + first, list.begin() + last);
}

std::optional<Extent> combine(std::string_view op, Extent a, Extent b) {
  if (op == "Mul") {
    Extent out{0, a.rows || b.rows};
    if ((a.rows && b.rows) || __builtin_mul_overflow(a.number, b.number, &out.number)) return std::nullopt;
    return out;
  }
  if (op == "Div" && !b.rows && b.number != 0 && a.number % b.number == 0)
    return Extent{a.number / b.number, a.rows};
  if (a.rows || b.rows) return std::nullopt;
  Extent out;
  if (op == "Add" && !__builtin_add_overflow(a.number, b.number, &out.number)) return out;
  if (op == "Sub" && !__builtin_sub_overflow(a.number, b.number, &out.number)) return out;
  return std::nullopt;
}

}  // namespace

std::optional<Integers> integers_of_value(const GraphValue& value) {
  if (const auto* integers = std::get_if<Integers>(&value)) return *integers;
  const Constant* constant = constant_of(value);
  if (constant == nullptr || constant->count() > static_cast<std::int64_t>(most_integers) ||
      constant->tensor.dims.size() > 1 || !is_integer(constant->tensor.type)) {
    return std::nullopt;
  }
  Integers out;
  out.is_scalar = constant->tensor.dims.empty();
  if (constant->all) {
    out.values.assign(static_cast<std::size_t>(constant->count()),
                      {static_cast<std::int64_t>(*constant->all), false});
  } else {
    for (const std::int64_t number : integers_of(constant->tensor)) out.values.push_back({number, false});
  }
  return out;
}

std::optional<std::vector<std::int64_t>> numbers_of_value(const GraphValue& value) {
  const std::optional<Integers> integers = integers_of_value(value);
  if (!integers) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const Extent& extent : integers->values) {
    if (extent.rows) return std::nullopt;
    out.push_back(extent.number);
  }
  return out;
}

std::optional<std::vector<std::size_t>> from_front(const Dims& axes, std::size_t rank) {
  std::vector<std::size_t> out;
  for (const std::int64_t axis : axes) {
    const std::int64_t at = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
    if (at < 0 || at >= static_cast<std::int64_t>(rank)) return std::nullopt;
    out.push_back(static_cast<std::size_t>(at));
    if (std::count(out.begin(), out.end(), out.back()) > 1) return std::nullopt;
  }
  return out;
}

std::optional<Dims> axes_of(const Node& node, std::span<const GraphValue> operands) {
  if (operands.size() > 1 && !std::holds_alternative<Unknown>(operands[1]))
    return numbers_of_value(operands[1]);
  if (operands.size() > 1 && node.has_input(1)) return std::nullopt;
  return node.integers("axes");
}

std::optional<Integers> compute_integers(const Node& node, std::span<const GraphValue> operands) {
  const std::string_view op = node.op_type;
  if (operands.empty() || !node.domain.empty()) return std::nullopt;
  if (op == "Concat") {
    Integers out;
    for (const GraphValue& operand : operands) {
      const auto part = integers_of_value(operand);
      if (!part || out.values.size() + part->values.size() > most_integers) return std::nullopt;
      out.values.insert(out.values.end(), part->values.begin(), part->values.end());
    }
    return out;
  }
  std::optional<Integers> x = integers_of_value(operands[0]);
  if (!x) return std::nullopt;
  if (op == "Identity") return x;
  if (op == "Cast") return is_integer(static_cast<DataType>(node.integer("to", 0))) ? x : std::nullopt;
  if (op == "Unsqueeze" || op == "Squeeze") {
    if (x->values.size() != 1) return std::nullopt;
    x->is_scalar = op == "Squeeze";
    return x;
  }
  if (op == "Gather") {
    const auto indices = operands.size() > 1 ? integers_of_value(operands[1]) : std::nullopt;
    if (!indices || x->is_scalar) return std::nullopt;
    Integers out;
    out.is_scalar = indices->is_scalar;
    for (const Extent& index : indices->values) {
      const auto size = static_cast<std::int64_t>(x->values.size());
      const std::int64_t at = index.number < 0 ? index.number + size : index.number;
      if (index.rows || at < 0 || at >= size) return std::nullopt;
      out.values.push_back(x->values[static_cast<std::size_t>(at)]);
    }
    return out;
  }
  if (op == "Slice") {
    const auto ranges = ranges_of(node, operands, 1);
    if (!ranges || ranges->size() != 1 || x->is_scalar) return std::nullopt;
    const auto values = sliced(x->values, (*ranges)[0]);
    if (!values) return std::nullopt;
    return Integers{*values, false};
  }
  if (op == "Mul" || op == "Div" || op == "Add" || op == "Sub") {
    const auto y = operands.size() > 1 ? integers_of_value(operands[1]) : std::nullopt;
    if (!y) return std::nullopt;
    const std::size_t size = std::max(x->values.size(), y->values.size());
    if ((x->values.size() != size && x->values.size() != 1) ||
        (y->values.size() != size && y->values.size() != 1))
      return std::nullopt;
    Integers out;
    out.is_scalar = x->is_scalar && y->is_scalar;
    for (std::size_t i = 0; i < size; ++i) {
      const auto value =
          combine(op, x->values[x->values.size() == 1 ? 0 : i], y->values[y->values.size() == 1 ? 0 : i]);
      if (!value) return std::nullopt;
      out.values.push_back(*value);
    }
    return out;
  }
  return std::nullopt;
}

bool only_changes_shape(const Node& node) {
  constexpr std::string_view names[] = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"};
  return node.domain.empty() &&
         std::find(std::begin(names), std::end(names), node.op_type) != std::end(names);
}

namespace {

// Puts the atoms into dimensions of these sizes, in their order.
std::optional<std::vector<Group>> regrouped(const std::vector<Group>& dims, const Space& space,
                                            const std::vector<Extent>& wish, bool zero_is_zero,
                                            std::optional<std::int64_t> fixed_rows, std::string& why) {
  std::vector<int> atoms;  // in their order; those of one element are of no account
  for (const Group& group : dims) {
    for (const int atom : group) {
      if (atom == rows_atom || space.sizes[static_cast<std::size_t>(atom)] != 1) atoms.push_back(atom);
    }
  }
  const auto size = [&](int atom) { return space.sizes[static_cast<std::size_t>(atom)]; };
  std::vector<Extent> sizes = wish;
  std::optional<std::size_t> open;
  std::int64_t known = 1, all = 1;
  bool rows_known = false;
  for (const int atom : atoms) {
    if (atom != rows_atom) all *= size(atom);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Extent& extent = sizes[i];
    if (!extent.rows && extent.number == 0 && !zero_is_zero) {
      if (i >= dims.size()) return why = "it copies a dimension that isn't there", std::nullopt;
      extent = {1, dims[i] == Group{rows_atom}};
      for (const int atom : dims[i]) extent.number *= atom == rows_atom ? 1 : size(atom);
    }
    if (!extent.rows && extent.number == -1) {
      if (open) return why = "two of its dimensions are open", std::nullopt;
      open = i;
      continue;
    }
    if (extent.number <= 0 || __builtin_mul_overflow(known, extent.number, &known))
      return why = "its shape makes no sense", std::nullopt;
    rows_known = rows_known || extent.rows;
  }
  // A file for a fixed number of rows says that number, or 1, in front.
  if (!rows_known && !open && !sizes.empty() && known == all * fixed_rows.value_or(1)) {
    if (sizes[0].number != fixed_rows.value_or(1)) return why = "its shape mixes rows", std::nullopt;
    known /= sizes[0].number;
    sizes[0] = {1, true};
    rows_known = true;
  } else if (!rows_known && open && *open > 0 && fixed_rows && sizes[0].number == *fixed_rows) {
    known /= sizes[0].number;
    sizes[0] = {1, true};
    rows_known = true;
  }
  if (open) {
    if (all % known != 0 || (!rows_known && all != known)) {
      return why = "its shape mixes rows", std::nullopt;
    }
    sizes[*open] = {all / known, !rows_known};
    rows_known = true;
  }
  std::vector<Group> out;
  std::size_t next = 0;
  for (const Extent& extent : sizes) {
    Group group;
    if (extent.rows) {
      if (extent.number != 1 || next >= atoms.size() || atoms[next] != rows_atom)
        return why = "its shape mixes rows", std::nullopt;
      group.push_back(atoms[next++]);
    } else {
      std::int64_t left = extent.number;
      while (left > 1) {
        if (next >= atoms.size() || atoms[next] == rows_atom || left % size(atoms[next]) != 0) {
          why = next < atoms.size() && atoms[next] == rows_atom ? "its shape mixes rows"
                                                                : "its shape cuts a dimension";
          return std::nullopt;
        }
        left /= size(atoms[next]);
        group.push_back(atoms[next++]);
      }
    }
    out.push_back(std::move(group));
  }
  if (next != atoms.size())
    return why = "its shape is for another number of rows than the input's", std::nullopt;
  return out;
}

}  // namespace

std::optional<std::vector<Group>> reshaped(const Node& node, std::span<const GraphValue> operands,
                                           const Space& space, const std::vector<Group>& dims,
                                           std::optional<std::int64_t> fixed_rows, std::string& why) {
  const std::string_view op = node.op_type;
  why = "its shape isn't constant";
  if (op == "Transpose") {
    Dims order = node.integers("perm");
    if (order.empty()) {
      order.resize(dims.size());
      std::iota(order.rbegin(), order.rend(), 0);
    }
    const auto axes = from_front(order, dims.size());
    if (!axes || axes->size() != dims.size()) return why = "its order makes no sense", std::nullopt;
    std::vector<Group> out;
    for (const std::size_t axis : *axes) out.push_back(dims[axis]);
    return out;
  }
  if (op == "Flatten") {
    const auto axis = from_front({node.integer("axis", 1)}, dims.size() + 1);
    if (!axis) return why = "its axis makes no sense", std::nullopt;
    std::vector<Group> out(2);
    for (std::size_t i = 0; i < dims.size(); ++i) {
      Group& group = out[i < (*axis)[0] ? 0 : 1];
      group.insert(group.end(), dims[i].begin(), dims[i].end());
    }
    for (const Group& group : out) {
      const bool has_rows = std::find(group.begin(), group.end(), rows_atom) != group.end();
      if (has_rows && group.size() > 1) return why = "it mixes rows", std::nullopt;
    }
    return out;
  }
  if (op == "Squeeze" || op == "Unsqueeze") {
    const auto axes = axes_of(node, operands);
    if (!axes) return std::nullopt;
    std::vector<Group> out;
    if (op == "Unsqueeze") {
      const auto at = from_front(*axes, dims.size() + axes->size());
      if (!at) return why = "its axes make no sense", std::nullopt;
      std::size_t next = 0;
      for (std::size_t i = 0; i < dims.size() + axes->size(); ++i)
        out.push_back(std::find(at->begin(), at->end(), i) != at->end() ? Group{} : dims[next++]);
      return out;
    }
    const auto at = from_front(*axes, dims.size());
    if (!at) return why = "its axes make no sense", std::nullopt;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      std::int64_t size = 1;
      for (const int atom : dims[i])
        size *= atom == rows_atom ? 2 : space.sizes[static_cast<std::size_t>(atom)];
      const bool named = axes->empty() ? size == 1 : std::find(at->begin(), at->end(), i) != at->end();
      if (!named)
        out.push_back(dims[i]);
      else if (size != 1)
        return why = "it squeezes a dimension that isn't 1", std::nullopt;
    }
    return out;
  }
  std::optional<Integers> wish;
  if (operands.size() > 1) {
    wish = integers_of_value(operands[1]);
  } else {
    wish = Integers{};
    for (const std::int64_t number : node.integers("shape")) wish->values.push_back({number, false});
  }
  if (!wish) return std::nullopt;
  return regrouped(dims, space, wish->values, node.integer("allowzero", 0) != 0, fixed_rows, why);
}

}  // namespace nn::onnx
