// What makes a row of the network's numbers out of a table's columns: as model/encode.cpp does it.
#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/text.hpp"
#include "model/number_rule.hpp"
#include "onnx/export_parts.hpp"

namespace nn::onnx {
namespace {

using model::InputColumn;
using Kind = InputColumn::Kind;

// Beyond this float32 has fewer than three digits of what makes a difference.
constexpr double most_shift = 1e4;

bool is_image(const Shape& shape) { return shape.size() == 2 || shape.size() == 3; }

// (value - offset) * scale, with `missing` for what is not a number; in float32, or with the model's own
// double.
struct Scaling {
  std::vector<double> offset, scale;
  std::vector<double> missing;  // empty: nothing is missing
  std::vector<std::int64_t> dims;

  bool shifts() const {
    return std::any_of(offset.begin(), offset.end(), [](double o) { return o != 0; });
  }
  bool scales() const {
    return std::any_of(scale.begin(), scale.end(), [](double s) { return s != 1; });
  }
};

class InputAdder {
 public:
  InputAdder(GraphBuilder& graph, const model::Model& model, const ExportOptions& options)
      : graph_(graph),
        columns_(model.encoder.columns()),
        options_(options),
        form_(options.input.value_or(InputForm::float32)) {}

  Inputs run() {
    check();
    if (columns_.size() == 1 && columns_[0].kind == Kind::tensor) {
      inputs_.image = add_only_tensor(columns_[0]);
    } else if (form_ == InputForm::matrix) {
      add_matrix();
    } else {
      add_columns();
    }
    return std::move(inputs_);
  }

 private:
  DataType type() const {
    return form_ == InputForm::float64 ? DataType::float64
           : form_ == InputForm::uint8 ? DataType::uint8
                                       : DataType::float32;
  }

  // Usage errors for options that mean nothing to this model.
  void check() const {
    const auto any = [&](auto test) { return std::any_of(columns_.begin(), columns_.end(), test); };
    const bool one_tensor = columns_.size() == 1 && columns_[0].kind == Kind::tensor;
    if (options_.layout && !(one_tensor && is_image(columns_[0].shape))) {
      throw Error(ErrorKind::usage, "the model takes no images, so there is no order of their values")
          .advise("; leave out --layout");
    }
    const auto refuse = [](const char* why, const char* form) {
      throw Error(ErrorKind::usage, why).advise("; leave out --input {}", form);
    };
    if (form_ == InputForm::uint8 && !one_tensor) refuse("the model takes no tensor of bytes", "uint8");
    if (form_ == InputForm::matrix && any([](const InputColumn& c) { return c.kind != Kind::number; }))
      refuse("the model's columns are not all numbers, so they are no matrix", "matrix");
    if (form_ == InputForm::float64 && !any([](const InputColumn& c) { return c.kind != Kind::category; }))
      refuse("the model takes no numbers", "double");
  }

  std::string constant(const std::string& name, const std::vector<std::int64_t>& dims,
                       const std::vector<double>& values) {
    if (form_ == InputForm::float64)
      return graph_.constant(make_tensor(name, dims, std::span<const double>(values)));
    const std::vector<float> floats(values.begin(), values.end());
    return graph_.constant(make_tensor(name, dims, std::span<const float>(floats)));
  }

  // Makes float32 of what the input has.
  std::string cast(const std::string& name, const std::string& value) {
    return graph_.add(name + "/cast", "Cast", {value},
                      {attribute("to", static_cast<std::int64_t>(DataType::float32))});
  }

  // The missing value is scaled here, in double, so that it is what the model's own encoder makes of it.
  std::string scale(const std::string& name, std::string value, const Scaling& scaling) {
    std::string missing;
    if (form_ == InputForm::uint8) value = cast(name, value);
    if (!scaling.missing.empty()) missing = graph_.add(name + "/is_missing", "IsNaN", {value});
    if (scaling.shifts()) {
      const std::string offset = constant(name + "/offset", scaling.dims, scaling.offset);
      value = graph_.add(name + "/sub", "Sub", {value, offset});
    }
    if (scaling.scales()) {
      const std::string factor = constant(name + "/scale", scaling.dims, scaling.scale);
      value = graph_.add(name + "/mul", "Mul", {value, factor});
    }
    if (!scaling.missing.empty()) {
      const std::string fill = constant(name + "/fill", scaling.dims, scaling.missing);
      value = graph_.add(name + "/where", "Where", {missing, fill, value});
    }
    return form_ == InputForm::float64 ? cast(name, value) : value;
  }

  void look_for_loss(const InputColumn& column) {
    if (form_ == InputForm::float64) return;
    for (std::size_t i = 0; i < column.scale.size(); ++i) {
      if (std::abs(column.offset[i] * column.scale[i]) <= most_shift) continue;
      inputs_.losing.push_back(column.name);
      return;
    }
  }

  // Of columns of numbers beside each other.
  Scaling scaling_of(std::span<const InputColumn> columns) const {
    Scaling scaling;
    scaling.dims = {static_cast<std::int64_t>(columns.size())};
    for (const InputColumn& column : columns) {
      const model::NumberRule rule = model::rule_of(column);
      scaling.offset.push_back(rule.offset);
      scaling.scale.push_back(rule.scale);
      scaling.missing.push_back((rule.fill - rule.offset) * rule.scale);
    }
    return scaling;
  }

  std::string input(const std::string& name, DataType type, const std::vector<std::int64_t>& row) {
    std::string taken = graph_.unique(as_utf8(name));
    graph_.add_input(taken, type, row);
    return taken;
  }

  void add_matrix() {
    const auto width = static_cast<std::int64_t>(columns_.size());
    std::for_each(columns_.begin(), columns_.end(), [&](const InputColumn& c) { look_for_loss(c); });
    const std::string x = input("x", type(), {width});
    inputs_.pieces.push_back(
        {.category = false, .name = scale("numbers", x, scaling_of(columns_)), .column = {}, .width = width});
  }

  void add_columns() {
    // All inputs first, in the order of the columns, whatever becomes of them.
    std::vector<std::string> names;
    for (const InputColumn& column : columns_) {
      look_for_loss(column);
      if (column.kind == Kind::tensor) {
        names.push_back(input(column.name, type(), column.shape));
      } else if (column.kind == Kind::number) {
        names.push_back(input(column.name, type(), {1}));
      } else {
        names.push_back(input(column.name, options_.numeric ? DataType::int64 : DataType::string, {1}));
      }
    }
    for (std::size_t i = 0; i < columns_.size();) {
      std::size_t end = i + 1;
      switch (columns_[i].kind) {
        case Kind::category: inputs_.pieces.push_back(category(columns_[i], names[i])); break;
        case Kind::tensor: inputs_.pieces.push_back(flat_tensor(columns_[i], names[i])); break;
        case Kind::number:
          while (end < columns_.size() && columns_[end].kind == Kind::number) ++end;
          inputs_.pieces.push_back(numbers(std::span(columns_).subspan(i, end - i),
                                           {names.begin() + static_cast<std::ptrdiff_t>(i),
                                            names.begin() + static_cast<std::ptrdiff_t>(end)}));
      }
      i = end;
    }
  }

  Piece numbers(std::span<const InputColumn> columns, std::vector<std::string> names) {
    std::string value = names[0];
    if (names.size() > 1) {
      value = graph_.add("numbers/concat", "Concat", std::move(names), {attribute("axis", std::int64_t{1})});
    }
    return {.category = false,
            .name = scale("numbers", value, scaling_of(columns)),
            .column = {},
            .width = static_cast<std::int64_t>(columns.size())};
  }

  Piece category(const InputColumn& column, const std::string& name) {
    Piece piece{.category = true, .name = name, .column = as_utf8(column.name), .width = column.width()};
    if (options_.numeric) return piece;
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < piece.width; ++i) indices.push_back(i);
    piece.name =
        graph_.add(piece.column + "/label_encoder", "LabelEncoder", {name},
                   {attribute("keys_strings", column.categories),
                    attribute("values_int64s", std::move(indices)), attribute("default_int64", piece.width)},
                   "ai.onnx.ml");
    return piece;
  }

  // `order`: where the values come in another order than the model has them in.
  static Scaling tensor_scaling(const InputColumn& column, std::vector<std::int64_t> dims,
                                const std::vector<std::int64_t>& order = {}) {
    Scaling scaling{column.offset, column.scale, {}, std::move(dims)};
    if (scaling.scale.size() == 1) scaling.dims = {};
    if (scaling.scale.size() <= 1 || order.empty()) return scaling;
    for (std::size_t i = 0; i < order.size(); ++i) {
      scaling.offset[i] = column.offset[static_cast<std::size_t>(order[i])];
      scaling.scale[i] = column.scale[static_cast<std::size_t>(order[i])];
    }
    return scaling;
  }

  Piece flat_tensor(const InputColumn& column, const std::string& name) {
    std::string value = name;
    const std::string path = as_utf8(column.name);
    if (column.shape.size() > 1)
      value = graph_.add(path + "/flatten", "Flatten", {name}, {attribute("axis", std::int64_t{1})});
    return {.category = false,
            .name = scale(path, value, tensor_scaling(column, {column.width()})),
            .column = {},
            .width = column.width()};
  }

  Value add_only_tensor(const InputColumn& column) {
    look_for_loss(column);
    const Shape& shape = column.shape;
    const std::string path = as_utf8(column.name);
    if (!is_image(shape)) {
      const Piece piece = flat_tensor(column, input(column.name, type(), shape));
      return {.name = piece.name, .layout = Layout::vector, .image = {1, 1, piece.width}};
    }
    const Image image{shape[0], shape[1], shape.size() == 3 ? shape[2] : 1};
    const bool nchw = options_.layout == ImageLayout::nchw;
    const std::vector<std::int64_t> row =
        nchw ? std::vector<std::int64_t>{image.channels, image.height, image.width} : shape;
    const Scaling scaling =
        tensor_scaling(column, row, nchw ? nchw_order(image) : std::vector<std::int64_t>());
    const std::string name = input(column.name, type(), row);
    return {.name = scale(path, name, scaling), .layout = nchw ? Layout::nchw : Layout::nhwc, .image = image};
  }

  GraphBuilder& graph_;
  const std::vector<InputColumn>& columns_;
  const ExportOptions& options_;
  InputForm form_;
  Inputs inputs_;
};

}  // namespace

std::vector<std::int64_t> nchw_order(const Image& image) {
  std::vector<std::int64_t> order;
  order.reserve(static_cast<std::size_t>(image.size()));
  for (std::int64_t c = 0; c < image.channels; ++c) {
    for (std::int64_t pixel = 0; pixel < image.pixels(); ++pixel) order.push_back(pixel * image.channels + c);
  }
  return order;
}

Inputs add_inputs(GraphBuilder& graph, const model::Model& model, const ExportOptions& options) {
  return InputAdder(graph, model, options).run();
}

Value join_one_hot(GraphBuilder& graph, const std::vector<Piece>& pieces) {
  std::vector<std::string> parts;
  std::int64_t width = 0;
  for (const Piece& piece : pieces) {
    width += piece.width;
    if (!piece.category) {
      parts.push_back(piece.name);
      continue;
    }
    // What is none of the categories, whatever its number, is equal to none.
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < piece.width; ++i) indices.push_back(i);
    const std::string known = graph.constant(piece.column + "/indices", indices);
    const std::string equal = graph.add(piece.column + "/equal", "Equal", {piece.name, known});
    parts.push_back(graph.add(piece.column + "/one_hot", "Cast", {equal},
                              {attribute("to", static_cast<std::int64_t>(DataType::float32))}));
  }
  std::string name = parts[0];
  if (parts.size() > 1)
    name = graph.add("columns/concat", "Concat", std::move(parts), {attribute("axis", std::int64_t{1})});
  return {.name = name, .layout = Layout::vector, .image = {1, 1, width}};
}

}  // namespace nn::onnx
